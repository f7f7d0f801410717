# USFM-woF (paper 4.1.4): without the frequency mask and without the frequency loss.
_base_ = ['../_base_/pretrain.py']
train_pipeline = [
    dict(
        type='usfm_mm.RandomAffineCrop',
        size=224,
        rotation=(-15, 15),  # degrees
        scale=(0.67, 1.0),  # share of the image's area
        ratio=(3 / 4, 4 / 3),  # of the window, relative to the image's
    ),
    dict(type='usfm_mm.RandomBrightnessContrast', brightness=(0.8, 1.2), contrast=(0.8, 1.2)),
    dict(type='usfm_mm.RandomGaussianBlur', prob=0.5, sigma=(0.1, 0.8)),
    dict(type='usfm_mm.DrawDualMask', mask_size=32, mask_ratio=0.4, num_stopped=0),
    dict(type='usfm_mm.PackUltrasound'),
]
val_pipeline = [
    dict(type='usfm_mm.RandomAffineCrop', size=224, rotation=(0, 0), scale=(1, 1), ratio=(1, 1)),
    dict(type='usfm_mm.DrawDualMask', mask_size=32, mask_ratio=0.4, num_stopped=0),
    dict(type='usfm_mm.PackUltrasound'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
model = dict(frequency_weight=0.0)
val_evaluator = dict(frequency_weight=0.0)
test_evaluator = val_evaluator
