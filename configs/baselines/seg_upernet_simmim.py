# UPerNet on the same ViT with SimMIM's weights (natural images), fine-tuned as USFM is.
# Weights: https://github.com/microsoft/SimMIM, ViT-Base, 800 epochs.
_base_ = ['../_base_/finetune.py', '../_base_/seg_upernet.py', '../_base_/seg_data.py']
model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/simmim_pretrain__vit_base__img224__800ep.pth',
        )
    )
)
optim_wrapper = dict(optimizer=dict(lr=3e-4))  # for 512 images: --auto-scale-lr
auto_scale_lr = dict(base_batch_size=512)
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
