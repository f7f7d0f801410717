# A linear layer on the mean patch token of each frame, averaged over the frames of a clip.
_base_ = 'table_data.py'
model = dict(
    type='usfm_mm.ClipClassifier',
    backbone=dict(
        type='usfm_mm.USFMViT',
        arch='base',
        img_size=_base_.image_size,
        in_channels=3,
        drop_path_rate=0.1,
        out_type='avg_featmap',
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/USFM_latest.pth'),
    ),
    pooling=dict(type='usfm_mm.MeanFrames'),
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
