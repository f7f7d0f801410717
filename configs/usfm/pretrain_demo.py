# 2 to 4 minutes on two CPU cores: ViT-Ti at 112 px on the 32 ultrasound frames of pydicom's wheel,
# as `make demo` runs it. It shows that everything works and is no benchmark: it trains and
# validates on the same frames and augments little, so that it can learn them by heart.
_base_ = 'pretrain_cpu.py'
data_root = 'data/demo'
_base_.train_dataloader.dataset.pipeline[0].update(
    rotation=(-5, 5), scale=(0.9, 1.0), ratio=(0.95, 1.05)
)
_base_.train_dataloader.dataset.pipeline.pop(2)  # the blur
train_dataloader = dict(
    sampler=dict(num_samples=800), dataset=dict(data_root=data_root, split=None)
)
val_dataloader = test_dataloader = dict(
    batch_size=32, dataset=dict(data_root=data_root, split=None)
)
model = dict(data_preprocessor=dict(mean=[15.5], std=[27.2]))
optim_wrapper = dict(type='usfm_mm.BF16OptimWrapper', only_native=True, optimizer=dict(lr=1.5e-3))
train_cfg = dict(max_epochs=10, val_interval=10)
_base_.param_scheduler[0].end = _base_.param_scheduler[1].begin = 1
default_hooks = dict(logger=dict(interval=50), checkpoint=dict(interval=250, max_keep_ckpts=1))
custom_hooks = _base_.custom_hooks[:4]  # without the map of features
