# Abdominal organs: python tools/prepare_data.py usanotai SOURCE data/usanotai
_base_ = 'cls_custom_linear.py'
data_root = 'data/usanotai'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
