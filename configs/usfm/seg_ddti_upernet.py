# Thyroid nodules: python tools/prepare_data.py ddti SOURCE data/ddti
_base_ = 'seg_custom_upernet.py'
data_root = 'data/ddti'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
