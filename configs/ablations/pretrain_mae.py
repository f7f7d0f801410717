# MAE (He et al., CVPR 2022) as published (75 % of the patches hidden and left out, a decoder of
# eight blocks, L2 on normalised pixels of the hidden patches) on the same images, sampled without
# balance: a second baseline beside SimMIM-US. mmpretrain's MAE around our ViT, for three channels;
# so the encoder has relative positions, LayerScale and SimMIM's initialisation, as all others have.
_base_ = ['../_base_/pretrain.py']
_base_.train_dataloader.dataset.pipeline[-2:] = [
    dict(
        type='SimMIMMaskGenerator',  # as many in each image
        input_size=_base_.image_size,
        mask_patch_size=16,
        model_patch_size=16,
        mask_ratio=0.75,
    ),
    dict(type='usfm_mm.CountHidden'),
    dict(type='PackInputs', meta_keys=('num_hidden',)),
]
train_dataloader = dict(sampler=dict(power=0.0), dataset=dict(channels=3))
model = dict(
    _delete_=True,
    type='usfm_mm.MaskedMAE',
    data_preprocessor=dict(type='SelfSupDataPreprocessor', mean=[55.0] * 3, std=[50.0] * 3),
    backbone=dict(
        type='usfm_mm.MAEViT',
        arch='base',
        img_size=_base_.image_size,
        in_channels=3,
        drop_path_rate=0.0,
    ),
    neck=dict(
        type='usfm_mm.MAEDecoder',
        img_size=_base_.image_size,
        patch_size=16,
        in_chans=3,
        embed_dim=768,
        decoder_embed_dim=512,
        decoder_depth=8,
        decoder_num_heads=16,
        init_cfg=[
            dict(type='Xavier', layer='Linear', distribution='uniform'),
            dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0),
        ],
    ),
    head=dict(
        type='MAEPretrainHead',
        norm_pix=True,
        patch_size=16,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    ),
)
optim_wrapper = dict(
    optimizer=dict(betas=(0.9, 0.95)),
    paramwise_cfg=dict(
        custom_keys=dict(mask_token=dict(decay_mult=0.0), decoder_pos_embed=dict(decay_mult=0.0))
    ),
)
# MAE has no validation of its own, and its images are not ours to unmask in a panel.
val_dataloader = val_evaluator = val_cfg = None
test_dataloader = test_evaluator = test_cfg = None
custom_hooks = _base_.custom_hooks[:3]
