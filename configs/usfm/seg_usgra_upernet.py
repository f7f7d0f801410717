# Nerve blocks: python tools/prepare_data.py usgra SOURCE data/usgra
_base_ = 'seg_custom_upernet.py'
data_root = 'data/usgra'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
