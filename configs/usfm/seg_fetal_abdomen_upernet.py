# Fetal abdomen: python tools/prepare_data.py fetal_abdomen SOURCE data/fetal_abdomen
_base_ = ['../_base_/finetune.py', '../_base_/seg_upernet.py', '../_base_/seg_data.py']
data_root = 'data/fetal_abdomen'
metainfo = dict(
    classes=('background', 'artery', 'liver', 'stomach', 'vein'),
    palette=[[0, 0, 0], [230, 40, 40], [150, 90, 40], [240, 200, 40], [0, 120, 230]],
)
model = dict(
    decode_head=dict(num_classes=5, out_channels=5),
    auxiliary_head=dict(num_classes=5, out_channels=5),
)
train_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
val_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
test_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
# The authors' 3e-4 is for 512 images.
optim_wrapper = dict(optimizer=dict(lr=3e-4 * 16 / 512))
auto_scale_lr = dict(base_batch_size=16)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
