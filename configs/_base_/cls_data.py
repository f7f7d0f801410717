# Images with lists of 'name label', as mmpretrain reads them: docs/adaptation.md.
# Augmentation: the kinds are the paper's (4.2), the strengths are ours (it prints none).
_base_ = 'finetune.py'
default_scope = 'mmpretrain'
data_root = 'data/custom'
image_size = 224
train_pipeline = [
    dict(type='usfm_mm.SeedDraw'),  # a resumed run augments as the first one would have
    dict(type='LoadImageFromFile'),
    dict(type='Rotate', magnitude_range=(0, 20), random_negative_prob=0.5, prob=0.5, pad_val=0),
    # Also translation.
    dict(type='RandomResizedCrop', scale=image_size, crop_ratio_range=(0.6, 1.0)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(image_size, image_size)),
    dict(type='PackInputs'),
]
metainfo = dict(classes=('negative', 'positive'))
data_preprocessor = dict(
    num_classes=2,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='usfm_mm.ShuffleSampler'),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        ann_file='splits/cls_train.txt',
        data_prefix='images',
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        ann_file='splits/cls_val.txt',
        data_prefix='images',
        metainfo=metainfo,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        ann_file='splits/cls_test.txt',
        data_prefix='images',
        metainfo=metainfo,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='usfm_mm.BootstrapClsMetric')
test_evaluator = val_evaluator
auto_scale_lr = dict(base_batch_size=32)  # images of a step that lr is for: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='F1', rule='greater'))
