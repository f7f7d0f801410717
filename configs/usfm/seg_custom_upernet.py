# Your own images and masks: set data_root. Classes: docs/adaptation.md.
_base_ = ['../_base_/finetune.py', '../_base_/seg_upernet.py', '../_base_/seg_data.py']
# The authors' 3e-4 is for 512 images.
optim_wrapper = dict(optimizer=dict(lr=3e-4 * 16 / 512))
auto_scale_lr = dict(base_batch_size=16)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
