# USEnhance2023, stock CycleGAN.
_base_ = '../_base_/enhance_cyclegan.py'
data_root = 'data/usenhance'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
