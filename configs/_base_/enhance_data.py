# Images of low (A) and high quality (B) with lists of 'name organ': docs/enhancement.md.
# Augmentation: the kinds are the paper's (4.2), the strengths are ours (it prints none). The images
# of a pair are cut and flipped alike; with paired=False set share_random_params=False too.
data_root = 'data/custom'
image_size = 224
pack_inputs = dict(
    type='PackInputs',
    keys=['img_A', 'img_B'],
    data_keys=['img_A', 'img_B'],
    meta_keys=['img_A_path', 'img_B_path', 'organ'],
)
train_pipeline = [
    dict(type='usfm_mm.LoadImagePair', channels=3),
    dict(
        type='TransformBroadcaster',
        mapping=dict(img=['img_A', 'img_B']),
        auto_remap=True,
        share_random_params=True,
        transforms=[
            dict(  # rotation, scaling, crop and translation
                type='usfm_mm.RandomAffineCrop',
                size=image_size,
                rotation=(-10, 10),
                scale=(0.6, 1.0),
            ),
            dict(type='RandomFlip', prob=0.5, direction='horizontal'),
        ],
    ),
    pack_inputs,
]
test_pipeline = [
    dict(type='usfm_mm.LoadImagePair', channels=3),
    dict(
        type='TransformBroadcaster',
        mapping=dict(img=['img_A', 'img_B']),
        auto_remap=True,
        share_random_params=True,
        transforms=[
            dict(  # a plain resize: images are judged at this size
                type='usfm_mm.RandomAffineCrop',
                size=image_size,
                rotation=(0, 0),
                scale=(1, 1),
                ratio=(1, 1),
            )
        ],
    ),
    pack_inputs,
]
train_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='usfm_mm.ShuffleSampler'),  # every draw has a seed, whatever worker makes it
    dataset=dict(
        type='usfm_mm.EnhancementDataset',
        data_root=data_root,
        ann_file='splits/enhance_train.txt',
        data_prefix=dict(img_A='low_quality', img_B='high_quality'),
        paired=True,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='usfm_mm.EnhancementDataset',
        data_root=data_root,
        ann_file='splits/enhance_val.txt',
        data_prefix=dict(img_A='low_quality', img_B='high_quality'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='usfm_mm.EnhancementDataset',
        data_root=data_root,
        ann_file='splits/enhance_test.txt',
        data_prefix=dict(img_A='low_quality', img_B='high_quality'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='usfm_mm.EnhancementMetric')
test_evaluator = val_evaluator
