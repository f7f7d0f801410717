# A CPU and some hundred images or more: ViT-Ti at 112 px, 60 epochs of as many draws as there are
# images; 10 to 27 minutes for 823 images on two cores. As at 224 px, a mask patch is a seventh of
# the image.
_base_ = ['../_base_/pretrain.py']
image_size = 112
for loader in (_base_.train_dataloader, _base_.val_dataloader, _base_.test_dataloader):
    loader.update(num_workers=0, persistent_workers=False, pin_memory=False)
    loader.dataset.pipeline[0].size = image_size
    loader.dataset.pipeline[-2].mask_size = 16
del loader
train_dataloader = dict(batch_size=16)
# LayerScale starts at 1: at 0.1 the blocks hardly take part in so short a run.
model = dict(
    backbone=dict(arch='tiny', img_size=image_size, drop_path_rate=0.0, layer_scale_init_value=1.0)
)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=16)
train_cfg = dict(max_epochs=60, val_interval=20)
_base_.param_scheduler[0].end = _base_.param_scheduler[1].begin = 3
env_cfg = dict(dist_cfg=dict(backend='gloo'))
