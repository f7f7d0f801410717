# USEnhance2023, stock CycleGAN.
_base_ = ['../_base_/enhance_cyclegan.py', '../_base_/enhance_data.py']
data_root = 'data/usenhance'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
