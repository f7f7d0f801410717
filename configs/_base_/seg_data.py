# Images and masks with lists of names, as mmseg reads them: docs/adaptation.md.
# Augmentation: the kinds are the paper's (4.2), the strengths are ours (it prints none).
_base_ = 'finetune.py'
default_scope = 'mmseg'
data_root = 'data/custom'
image_size = 224
train_pipeline = [
    dict(type='usfm_mm.SeedDraw'),  # a resumed run augments as the first one would have
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomRotate', prob=0.5, degree=20),
    dict(
        type='RandomResize',
        scale=(image_size, image_size),
        ratio_range=(1.0, 1.5),
        keep_ratio=False,
    ),
    # Of a larger image: crop and translation.
    dict(type='RandomCrop', crop_size=(image_size, image_size)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(image_size, image_size), keep_ratio=False),
    # After Resize: the prediction is brought to the size of the image and judged there.
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
metainfo = dict(classes=('background', 'foreground'), palette=[[0, 0, 0], [0, 200, 0]])
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,  # batch normalisation needs more than one image
    sampler=dict(type='usfm_mm.ShuffleSampler'),
    dataset=dict(
        type='BaseSegDataset',
        data_root=data_root,
        ann_file='splits/seg_train.txt',
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        img_suffix='.png',
        seg_map_suffix='.png',
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BaseSegDataset',
        data_root=data_root,
        ann_file='splits/seg_val.txt',
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        img_suffix='.png',
        seg_map_suffix='.png',
        metainfo=metainfo,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BaseSegDataset',
        data_root=data_root,
        ann_file='splits/seg_test.txt',
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        img_suffix='.png',
        seg_map_suffix='.png',
        metainfo=metainfo,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='usfm_mm.PerImageSegMetric')
test_evaluator = val_evaluator
auto_scale_lr = dict(base_batch_size=16)  # images of a step that lr is for: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
