# SegFormer, MiT-B2 (the paper does not say which), from scratch: mmseg's own.
_base_ = ['../_base_/seg_data.py', 'mmseg::_base_/models/segformer_mit-b0.py']
model = dict(
    data_preprocessor=dict(
        size=(_base_.image_size, _base_.image_size), test_cfg=dict(size_divisor=32)
    ),
    backbone=dict(embed_dims=64, num_layers=[3, 4, 6, 3]),
    decode_head=dict(
        in_channels=[64, 128, 320, 512],
        num_classes=2,
        out_channels=2,
        loss_decode=dict(avg_non_ignore=True),
    ),
)
