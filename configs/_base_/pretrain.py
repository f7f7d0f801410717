# USFM pre-training: data, model, schedule and runtime, with the paper's section or equation.
_base_ = 'runtime.py'
default_scope = 'mmpretrain'
data_root = 'data/3mus'  # index.parquet and the images: docs/data.md
image_size = 224
fit_normalisation = True  # mean and std are those of the images, as the index tells them

# ------------------------------------------------------------------------------------------ data
# Augmentation: the kinds are the paper's (3.1), the strengths are ours (it prints none).
draw_mask = dict(
    type='usfm_mm.DrawDualMask', mask_size=32, mask_ratio=0.4, num_bands=7, num_stopped=2
)
train_dataloader = dict(
    batch_size=128,  # per GPU; 8 GPUs
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='usfm_mm.OrganBalancedSampler', power=0.5),  # Eq. 1
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='usfm_mm.UltrasoundDataset',
        data_root=data_root,
        split='train',
        channels=1,
        pipeline=[
            dict(
                type='usfm_mm.RandomAffineCrop',
                size=image_size,
                rotation=(-15, 15),  # degrees
                scale=(0.67, 1.0),  # share of the image's area
                ratio=(3 / 4, 4 / 3),  # of the window, relative to the image's
            ),
            dict(
                type='usfm_mm.RandomBrightnessContrast',
                brightness=(0.8, 1.2),
                contrast=(0.8, 1.2),
            ),
            dict(type='usfm_mm.RandomGaussianBlur', prob=0.5, sigma=(0.1, 0.8)),
            draw_mask,
            dict(type='usfm_mm.PackUltrasound'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='usfm_mm.UltrasoundDataset',
        data_root=data_root,
        split='val',
        channels=1,
        seed=0,  # the same masks at every validation
        pipeline=[
            dict(
                type='usfm_mm.RandomAffineCrop',
                size=image_size,
                rotation=(0, 0),
                scale=(1, 1),
                ratio=(1, 1),
            ),
            draw_mask,
            dict(type='usfm_mm.PackUltrasound'),
        ],
    ),
)
del draw_mask  # what a config changes is in the pipelines
val_evaluator = dict(type='usfm_mm.ReconstructionMetric', frequency_weight=0.4)
test_dataloader = val_dataloader
test_evaluator = val_evaluator

# ----------------------------------------------------------------------------------------- model
model = dict(
    type='usfm_mm.USFMPretrainer',
    data_preprocessor=dict(
        type='usfm_mm.DualMaskDataPreprocessor',
        mean=[55.0],  # where the data does not tell: see fit_normalisation
        std=[50.0],
    ),
    backbone=dict(
        type='usfm_mm.USFMViT',
        arch='base',
        img_size=image_size,
        in_channels=1,
        drop_path_rate=0.1,
        out_type='featmap',
        final_norm=True,
    ),
    frequency_weight=0.4,  # lambda of Eq. 11
)

# -------------------------------------------------------------------------------------- schedule
# SimMIM's base learning rate is 1e-4 for 512 images; 8 GPUs x 128 = 1024 images.
optim_wrapper = dict(
    type='usfm_mm.BF16OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-4, betas=(0.9, 0.999), weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=5.0),
    # No decay of biases, norms, LayerScale, class token and bias tables.
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys={
            'cls_token': dict(decay_mult=0.0),
            'relative_position_bias_table': dict(decay_mult=0.0),
        },
    ),
)
auto_scale_lr = dict(base_batch_size=1024)  # images of a step that lr is for: --auto-scale-lr
train_cfg = dict(type='usfm_mm.ResumableEpochTrainLoop', max_epochs=200, val_interval=5)
param_scheduler = [  # without an end: that of the run
    dict(type='LinearLR', start_factor=1e-3, by_epoch=True, end=10, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR', eta_min=1e-6, by_epoch=True, begin=10, convert_to_iter_based=True
    ),
]

# --------------------------------------------------------------------------------------- runtime
default_hooks = dict(
    checkpoint=dict(
        type='usfm_mm.SafeCheckpointHook', by_epoch=False, interval=1000, max_keep_ckpts=3
    ),
)
custom_hooks = [
    dict(type='usfm_mm.SummaryHook'),
    dict(type='usfm_mm.IterationSeedHook'),
    dict(type='usfm_mm.ThroughputHook'),
    dict(type='usfm_mm.ReconstructionHook', interval=20),
    dict(type='usfm_mm.EmbeddingHook'),
]
