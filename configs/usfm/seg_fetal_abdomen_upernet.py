# Fetal abdomen: python tools/prepare_data.py fetal_abdomen SOURCE data/fetal_abdomen
_base_ = 'seg_custom_upernet.py'
data_root = 'data/fetal_abdomen'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
