# The same ViT on images and clips with a table, without pre-training.
_base_ = '../_base_/table_linear.py'
model = dict(backbone=dict(init_cfg=None))
# Layer decay keeps pre-trained blocks; untrained ones learn at the full rate.
optim_wrapper = dict(optimizer=dict(lr=3e-4), paramwise_cfg=dict(layer_decay_rate=1.0))
