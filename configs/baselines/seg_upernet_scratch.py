# UPerNet on the same ViT, without pre-training.
_base_ = ['../_base_/finetune.py', '../_base_/seg_upernet.py', '../_base_/seg_data.py']
model = dict(backbone=dict(init_cfg=None))
# Layer decay keeps pre-trained blocks; untrained ones learn at the full rate.
optim_wrapper = dict(optimizer=dict(lr=3e-4), paramwise_cfg=dict(layer_decay_rate=1.0))
auto_scale_lr = dict(base_batch_size=16)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
