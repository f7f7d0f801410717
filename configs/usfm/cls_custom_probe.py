# Linear probe on your own classes: the encoder stays as it is, only the linear layer learns.
_base_ = '../_base_/cls_linear.py'
model = dict(backbone=dict(frozen=True))
optim_wrapper = dict(optimizer=dict(lr=1e-2, weight_decay=0.0))
