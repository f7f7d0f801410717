# Nerve blocks: python tools/prepare_data.py usgra SOURCE data/usgra
_base_ = ['../_base_/finetune.py', '../_base_/seg_upernet.py', '../_base_/seg_data.py']
data_root = 'data/usgra'
metainfo = dict(
    classes=('background', 'structure 1', 'structure 2'),
    palette=[[0, 0, 0], [0, 120, 230], [230, 80, 0]],
)
model = dict(
    decode_head=dict(num_classes=3, out_channels=3),
    auxiliary_head=dict(num_classes=3, out_channels=3),
)
train_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
val_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
test_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
# The authors' 3e-4 is for 512 images.
optim_wrapper = dict(optimizer=dict(lr=3e-4 * 16 / 512))
auto_scale_lr = dict(base_batch_size=16)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
