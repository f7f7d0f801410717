# A few minutes on two CPU cores: ViT-Ti on the 32 ultrasound frames of pydicom's wheel, as
# `make demo` runs it. It shows that everything works; it is no benchmark, and trains and validates
# on the same frames.
_base_ = ['../_base_/pretrain.py']
data_root = 'data/demo'
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    pin_memory=False,
    sampler=dict(num_samples=640),
    dataset=dict(data_root=data_root, split=None),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    pin_memory=False,
    dataset=dict(data_root=data_root, split=None),
)
model = dict(
    data_preprocessor=dict(mean=[15.5], std=[27.2]),
    backbone=dict(arch='tiny', drop_path_rate=0.0),
)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
train_cfg = dict(max_epochs=20, val_interval=5)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=True, end=2, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-6,
        by_epoch=True,
        begin=2,
        end=20,
        convert_to_iter_based=True,
    ),
]
env_cfg = dict(dist_cfg=dict(backend='gloo'))
default_hooks = dict(
    logger=dict(interval=20), checkpoint=dict(interval=100, max_keep_ckpts=1)
)
custom_hooks = [
    dict(type='usfm_mm.SummaryHook'),
    dict(type='usfm_mm.IterationSeedHook'),
    dict(type='usfm_mm.ThroughputHook'),
    dict(type='usfm_mm.ReconstructionHook', interval=20),
]
