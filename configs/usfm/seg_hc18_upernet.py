# Fetal heads: python tools/prepare_data.py hc18 SOURCE data/hc18
_base_ = 'seg_custom_upernet.py'
data_root = 'data/hc18'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
