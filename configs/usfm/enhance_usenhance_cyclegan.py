# USEnhance2023, CycleGAN with USFM (paper 4.1.2, Table 4):
# python tools/prepare_data.py usenhance SOURCE data/usenhance
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
            init_cfg=dict(type='Pretrained', checkpoint='checkpoints/USFM_latest.pth'),
        ),
    )
)
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
