# Your own images and masks: set data_root, and the classes if there are more than two.
_base_ = ['../_base_/finetune.py', '../_base_/seg_upernet.py', '../_base_/seg_data.py']
# 3e-4 for 512 images (the authors' release); --auto-scale-lr fits it to your number of GPUs.
optim_wrapper = dict(optimizer=dict(lr=3e-4))
auto_scale_lr = dict(base_batch_size=512)
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
