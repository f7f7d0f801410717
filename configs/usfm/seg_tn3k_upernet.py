# Thyroid nodules: python tools/prepare_data.py tn3k SOURCE data/tn3k
_base_ = 'seg_custom_upernet.py'
data_root = 'data/tn3k'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
