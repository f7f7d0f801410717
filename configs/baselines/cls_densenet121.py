# DenseNet-121 from scratch: mmpretrain's own, trained and judged as the others are.
_base_ = [
    '../_base_/finetune.py',
    'mmpretrain::_base_/models/densenet/densenet121.py',
    '../_base_/cls_data.py',
]
default_scope = 'mmpretrain'
data_preprocessor = dict(
    num_classes=2,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
model = dict(
    head=dict(
        num_classes=2,
        loss=dict(_delete_=True, type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
    )
)
# No layers to decay by, and a rate for training from scratch: ours, the paper prints none.
optim_wrapper = dict(
    optimizer=dict(lr=3e-4),
    constructor='DefaultOptimWrapperConstructor',
    paramwise_cfg=dict(_delete_=True, norm_decay_mult=0.0, bias_decay_mult=0.0),
)
auto_scale_lr = dict(base_batch_size=32)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='F1', rule='greater'))
