# A linear layer on the mean patch token (paper 3.3; the authors' released values).
_base_ = 'cls_data.py'
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='usfm_mm.USFMViT',
        arch='base',
        img_size=_base_.image_size,
        in_channels=3,
        drop_path_rate=0.1,
        out_type='avg_featmap',
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/USFM_latest.pth'),
    ),
    head=dict(
        type='LinearClsHead',
        num_classes=2,
        in_channels=768,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
    ),
)
# The authors' 1.25e-3 is for 512 images.
optim_wrapper = dict(
    optimizer=dict(lr=1.25e-3 * 32 / 512),
    constructor='usfm_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.65),
)
