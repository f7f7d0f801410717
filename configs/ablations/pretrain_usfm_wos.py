# USFM-woS (paper 4.1.4): without organ-balanced sampling; every image is equally likely.
_base_ = ['../_base_/pretrain.py']
train_dataloader = dict(sampler=dict(power=0.0))
