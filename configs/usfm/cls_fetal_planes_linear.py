# Planes of fetal screening: python tools/prepare_data.py fetal_planes SOURCE data/fetal_planes
_base_ = 'cls_custom_linear.py'
data_root = 'data/fetal_planes'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
