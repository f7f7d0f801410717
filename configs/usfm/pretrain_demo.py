# 5 to 15 minutes on two CPU cores: ViT-Ti at 112 px on the 32 ultrasound frames of pydicom's wheel,
# as `make demo` runs it. It shows that everything works and is no benchmark: it trains and
# validates on the same frames and augments little, so that it can learn them by heart.
_base_ = ['../_base_/pretrain.py']
data_root = 'data/demo'
# Half the size of everything: as at 224 px, a mask patch is a seventh of the image.
train_pipeline = [
    dict(
        type='usfm_mm.RandomAffineCrop',
        size=112,
        rotation=(-5, 5),
        scale=(0.9, 1.0),
        ratio=(0.95, 1.05),
    ),
    dict(type='usfm_mm.RandomBrightnessContrast', brightness=(0.8, 1.2), contrast=(0.8, 1.2)),
    dict(type='usfm_mm.DrawDualMask', mask_size=16, mask_ratio=0.4, num_bands=7, num_stopped=2),
    dict(type='usfm_mm.PackUltrasound'),
]
val_pipeline = [
    dict(type='usfm_mm.RandomAffineCrop', size=112, rotation=(0, 0), scale=(1, 1), ratio=(1, 1)),
    dict(type='usfm_mm.DrawDualMask', mask_size=16, mask_ratio=0.4, num_bands=7, num_stopped=2),
    dict(type='usfm_mm.PackUltrasound'),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    pin_memory=False,
    sampler=dict(num_samples=4000),
    dataset=dict(data_root=data_root, split=None, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    pin_memory=False,
    dataset=dict(data_root=data_root, split=None, pipeline=val_pipeline),
)
test_dataloader = val_dataloader
model = dict(
    data_preprocessor=dict(mean=[15.5], std=[27.2]),
    # LayerScale starts at 1: at 0.1 the blocks hardly take part in so short a run.
    backbone=dict(arch='tiny', img_size=112, drop_path_rate=0.0, layer_scale_init_value=1.0),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_epochs=10, val_interval=10)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=True, end=1, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-6,
        by_epoch=True,
        begin=1,
        end=10,
        convert_to_iter_based=True,
    ),
]
env_cfg = dict(dist_cfg=dict(backend='gloo'))
default_hooks = dict(logger=dict(interval=250), checkpoint=dict(interval=500, max_keep_ckpts=1))
custom_hooks = [
    dict(type='usfm_mm.SummaryHook'),
    dict(type='usfm_mm.IterationSeedHook'),
    dict(type='usfm_mm.ThroughputHook'),
    dict(type='usfm_mm.ReconstructionHook', interval=10),
]
