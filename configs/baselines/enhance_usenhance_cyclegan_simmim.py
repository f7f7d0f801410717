# USEnhance2023, CycleGAN with the same ViT and SimMIM's weights (natural images) in USFM's place.
# Weights: https://github.com/microsoft/SimMIM, ViT-Base, 800 epochs.
_base_ = ['../_base_/enhance_cyclegan.py', '../_base_/enhance_data.py']
data_root = 'data/usenhance'
model = dict(
    generator=dict(
        type='usfm_mm.USFMResnetGenerator',
        mean=[123.675, 116.28, 103.53],  # that the weights were trained with, in [0, 255]
        std=[58.395, 57.12, 57.375],
        backbone=dict(
            type='usfm_mm.USFMViT',
            arch='base',
            img_size=224,
            in_channels=3,
            out_indices=[3, 5, 7, 11],  # as the authors' release does in segmentation
            init_cfg=dict(
                type='Pretrained',
                checkpoint='checkpoints/simmim_pretrain__vit_base__img224__800ep.pth',
            ),
        ),
    )
)
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
