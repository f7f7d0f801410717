# Linear probe on your own classes: the encoder stays as it is, only the linear layer learns.
_base_ = ['../_base_/finetune.py', '../_base_/cls_linear.py', '../_base_/cls_data.py']
model = dict(backbone=dict(frozen=True))
optim_wrapper = dict(optimizer=dict(lr=1e-2, weight_decay=0.0))
auto_scale_lr = dict(base_batch_size=32)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='F1', rule='greater'))
