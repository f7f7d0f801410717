# The same ViT, without pre-training.
_base_ = ['../_base_/finetune.py', '../_base_/cls_linear.py', '../_base_/cls_data.py']
model = dict(backbone=dict(init_cfg=None))
# Layer decay keeps pre-trained blocks; untrained ones learn at the full rate.
optim_wrapper = dict(optimizer=dict(lr=3e-4), paramwise_cfg=dict(layer_decay_rate=1.0))
auto_scale_lr = dict(base_batch_size=32)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='F1', rule='greater'))
