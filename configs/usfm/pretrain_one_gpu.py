# One GPU of 8 to 24 GB: ViT-S/16 at 224 px, 64 images x 4 accumulated steps. By the tensors that a
# step keeps, 55 MiB an image, it needs about 4 GB; ViT-B (--arch base) 129 MiB an image, 10 GB.
_base_ = ['../_base_/pretrain.py']
model = dict(backbone=dict(arch='small'))
train_dataloader = dict(batch_size=64)
val_dataloader = test_dataloader = dict(batch_size=64)
optim_wrapper = dict(accumulative_counts=4, optimizer=dict(lr=5e-5))  # SimMIM's rate for 256
auto_scale_lr = dict(base_batch_size=256)
