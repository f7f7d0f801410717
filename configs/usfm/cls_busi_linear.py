# Breast tumours: python tools/prepare_data.py busi SOURCE data/busi
_base_ = ['../_base_/finetune.py', '../_base_/cls_linear.py', '../_base_/cls_data.py']
data_root = 'data/busi'
metainfo = dict(classes=('benign', 'malignant', 'normal'))
data_preprocessor = dict(num_classes=3)
model = dict(head=dict(num_classes=3))
train_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
val_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
test_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
# The authors' 1.25e-3 is for 512 images.
optim_wrapper = dict(optimizer=dict(lr=1.25e-3 * 32 / 512))
auto_scale_lr = dict(base_batch_size=32)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='F1', rule='greater'))
