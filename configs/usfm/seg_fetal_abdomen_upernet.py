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
optim_wrapper = dict(optimizer=dict(lr=3e-4))  # for 512 images: --auto-scale-lr
auto_scale_lr = dict(base_batch_size=512)
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
