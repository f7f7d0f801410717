# Your own images of low and of high quality: docs/enhancement.md
_base_ = '../_base_/enhance_cyclegan.py'
model = dict(
    generator=dict(
        type='usfm_mm.USFMResnetGenerator',
        mean=[123.675, 116.28, 103.53],  # in [0, 255]
        std=[58.395, 57.12, 57.375],
        save_extractor=True,  # a checkpoint needs no other file
        backbone=dict(
            type='usfm_mm.USFMViT',
            arch='base',
            img_size=_base_.image_size,
            in_channels=3,
            out_indices=[3, 5, 7, 11],  # as the authors' release does in segmentation
            init_cfg=dict(type='Pretrained', checkpoint='checkpoints/USFM_latest.pth'),
        ),
    )
)
