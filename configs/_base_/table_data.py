# Images and clips with what a table tells of them: usfm prepare table. docs/data.md.
# In training some frames of a clip are drawn anew each epoch, in a test they are spread evenly.
# Grey until they are packed: three equal channels would cost three times as much.
_base_ = 'finetune.py'
default_scope = 'mmpretrain'
data_root = 'data/custom'
image_size = 224
train_frames = 4
test_frames = 16
train_pipeline = [
    dict(type='usfm_mm.SeedDraw'),  # a resumed run draws and augments as the first one would have
    dict(type='usfm_mm.LoadFrames', num_frames=train_frames, random=True, channels=1),
    dict(
        type='usfm_mm.EachFrame',
        together=True,
        transforms=[
            dict(  # rotation, scaling, crop and translation
                type='usfm_mm.RandomAffineCrop',
                size=image_size,
                rotation=(-20, 20),
                scale=(0.6, 1.0),
            ),
            dict(type='RandomFlip', prob=0.5, direction='horizontal'),
        ],
    ),
    dict(type='usfm_mm.PackFrames'),
]
test_pipeline = [
    dict(type='usfm_mm.LoadFrames', num_frames=test_frames, channels=1),
    dict(
        type='usfm_mm.EachFrame',
        together=True,
        transforms=[dict(type='Resize', scale=(image_size, image_size))],
    ),
    dict(type='usfm_mm.PackFrames'),
]
metainfo = dict(classes=('negative', 'positive'))
data_preprocessor = dict(
    type='usfm_mm.ClipDataPreprocessor',
    num_classes=2,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='usfm_mm.ShuffleSampler'),
    dataset=dict(
        type='usfm_mm.TableDataset',
        data_root=data_root,
        ann_file='splits/table_train.csv',
        target='label',
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='usfm_mm.TableDataset',
        data_root=data_root,
        ann_file='splits/table_val.csv',
        target='label',
        metainfo=metainfo,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='usfm_mm.TableDataset',
        data_root=data_root,
        ann_file='splits/table_test.csv',
        target='label',
        metainfo=metainfo,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='usfm_mm.BootstrapClsMetric')
test_evaluator = val_evaluator
auto_scale_lr = dict(base_batch_size=8)  # items of a step that lr is for: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='F1', rule='greater'))
