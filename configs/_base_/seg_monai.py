# A network of MONAI under a 1x1 convolution, trained from scratch.
_base_ = 'seg_data.py'
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
        test_cfg=dict(size_divisor=32),
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=32,
        channels=32,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0.0,
        num_classes=2,
        out_channels=2,
        align_corners=False,
        loss_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=False, avg_non_ignore=True, loss_weight=1.0
        ),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))  # ours, the paper prints none
