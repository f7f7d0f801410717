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
# The authors' 3e-4 is for 512 images.
optim_wrapper = dict(optimizer=dict(lr=3e-4 * 16 / 512))
auto_scale_lr = dict(base_batch_size=16)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
