# UPerNet on USFM (paper 3.3; the authors' released values): blocks 3, 5, 7, 11 brought to strides
# 4, 8, 16, 32, pyramid pooling 1, 2, 3, 6, and an auxiliary head on the third.
_base_ = 'seg_data.py'
norm_cfg = dict(type='SyncBN', requires_grad=True)  # BN where there is no GPU
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(_base_.image_size, _base_.image_size),
        test_cfg=dict(size_divisor=16),
    ),
    backbone=dict(
        type='usfm_mm.USFMViT',
        arch='base',
        img_size=_base_.image_size,
        in_channels=3,
        drop_path_rate=0.1,
        out_type='featmap',
        out_indices=[3, 5, 7, 11],
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/USFM_latest.pth'),
    ),
    neck=dict(type='Feature2Pyramid', embed_dim=768, rescales=[4, 2, 1, 0.5], norm_cfg=norm_cfg),
    decode_head=dict(
        type='UPerHead',
        in_channels=[768, 768, 768, 768],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=768,
        dropout_ratio=0.1,
        num_classes=2,
        out_channels=2,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=False, avg_non_ignore=True, loss_weight=1.0
        ),
    ),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=768,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=2,
        out_channels=2,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=False, avg_non_ignore=True, loss_weight=0.4
        ),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
# The authors' 3e-4 is for 512 images.
optim_wrapper = dict(
    optimizer=dict(lr=3e-4 * 16 / 512),
    constructor='usfm_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.65),
)
