# Breast tumours: python tools/prepare_data.py busi SOURCE data/busi
_base_ = 'cls_custom_linear.py'
data_root = 'data/busi'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
