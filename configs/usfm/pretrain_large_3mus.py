# ViT-L/16 on 8 GPUs x 64 images x 2 accumulated steps: the learning rate is that of 1024 images.
_base_ = ['../_base_/pretrain.py']
model = dict(backbone=dict(arch='large', drop_path_rate=0.2))
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(accumulative_counts=2)
