# SimMIM-US (paper 5.4): SimMIM as published (mask token, 60 % masked, L1 on masked patches, flips
# left out as in USFM's own augmentation) on the same images, sampled without balance. mmpretrain's
# SimMIM parts around our ViT; they are made for three channels.
_base_ = ['../_base_/pretrain.py']
_base_.train_dataloader.dataset.pipeline[-2:] = [
    dict(
        type='SimMIMMaskGenerator',
        input_size=_base_.image_size,
        mask_patch_size=32,
        model_patch_size=16,
        mask_ratio=0.6,
    ),
    dict(type='PackInputs'),
]
train_dataloader = dict(sampler=dict(power=0.0), dataset=dict(channels=3))
model = dict(
    _delete_=True,
    type='SimMIM',
    data_preprocessor=dict(type='SelfSupDataPreprocessor', mean=[55.0] * 3, std=[50.0] * 3),
    backbone=dict(
        type='usfm_mm.SimMIMViT',
        arch='base',
        img_size=_base_.image_size,
        in_channels=3,
        drop_path_rate=0.1,
    ),
    neck=dict(type='SimMIMLinearDecoder', in_channels=768, encoder_stride=16),
    head=dict(
        type='SimMIMHead',
        patch_size=16,
        loss=dict(type='PixelReconstructionLoss', criterion='L1', channel=3),
    ),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(mask_token=dict(decay_mult=0.0))))
# SimMIM has no validation of its own, and its images are not ours to unmask in a panel.
val_dataloader = val_evaluator = val_cfg = None
test_dataloader = test_evaluator = test_cfg = None
custom_hooks = _base_.custom_hooks[:3]
