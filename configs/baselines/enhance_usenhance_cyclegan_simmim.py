# USEnhance2023, CycleGAN with the same ViT and SimMIM's weights (natural images) in USFM's place.
# Weights: https://github.com/microsoft/SimMIM, ViT-Base, 800 epochs.
_base_ = '../usfm/enhance_usenhance_cyclegan.py'
model = dict(
    generator=dict(
        backbone=dict(
            init_cfg=dict(checkpoint='checkpoints/simmim_pretrain__vit_base__img224__800ep.pth')
        )
    )
)
