# USEnhance2023, CycleGAN with USFM (paper 4.1.2, Table 4):
# python tools/prepare_data.py usenhance SOURCE data/usenhance
_base_ = 'enhance_custom_cyclegan.py'
data_root = 'data/usenhance'
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root))
