# Brachial plexus: python tools/prepare_data.py nerve SOURCE data/nerve
_base_ = 'seg_custom_upernet.py'
data_root = 'data/nerve'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
