# SegFormer, MiT-B2 (the paper does not say which), from scratch: mmseg's own.
_base_ = [
    '../_base_/finetune.py',
    'mmseg::_base_/models/segformer_mit-b0.py',
    '../_base_/seg_data.py',
]
default_scope = 'mmseg'
model = dict(
    data_preprocessor=dict(size=(224, 224), test_cfg=dict(size_divisor=32)),
    backbone=dict(embed_dims=64, num_layers=[3, 4, 6, 3]),
    decode_head=dict(
        in_channels=[64, 128, 320, 512],
        num_classes=2,
        out_channels=2,
        loss_decode=dict(avg_non_ignore=True),
    ),
)
# No layers to decay by, and a rate for training from scratch: ours, the paper prints none.
optim_wrapper = dict(
    optimizer=dict(lr=3e-4),
    constructor='DefaultOptimWrapperConstructor',
    paramwise_cfg=dict(_delete_=True, norm_decay_mult=0.0, bias_decay_mult=0.0),
)
auto_scale_lr = dict(base_batch_size=16)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
