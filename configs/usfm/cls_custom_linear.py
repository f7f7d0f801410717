# Your own classes of images: set data_root, the class names and num_classes.
_base_ = ['../_base_/finetune.py', '../_base_/cls_linear.py', '../_base_/cls_data.py']
# 1.25e-3 for 512 images (the authors' release); --auto-scale-lr fits it to your number of GPUs.
optim_wrapper = dict(optimizer=dict(lr=1.25e-3))
auto_scale_lr = dict(base_batch_size=512)
default_hooks = dict(checkpoint=dict(save_best='F1', rule='greater'))
