# UPerNet on the same ViT with SimMIM's weights (natural images), fine-tuned as USFM is.
# Weights: https://github.com/microsoft/SimMIM, ViT-Base, 800 epochs.
_base_ = '../_base_/seg_upernet.py'
model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='checkpoints/simmim_pretrain__vit_base__img224__800ep.pth')
    )
)
