# nnU-Net's network with its deep supervision, as MONAI's DynUNet. Only the network: data,
# augmentation, loss and schedule are those of the other methods, not nnU-Net's own.
_base_ = '../_base_/seg_monai.py'
deep_head = dict(
    type='FCNHead',
    in_channels=32,
    channels=32,
    num_convs=0,
    concat_input=False,
    dropout_ratio=0.0,
    num_classes=2,
    out_channels=2,
    align_corners=False,
)
deep_loss = dict(type='CrossEntropyLoss', use_sigmoid=False, avg_non_ignore=True)
model = dict(
    backbone=dict(
        type='usfm_mm.MONAINetwork',
        network=dict(
            type='DynUNet',
            spatial_dims=2,
            in_channels=3,
            out_channels=32,
            kernel_size=[3, 3, 3, 3, 3, 3],
            strides=[1, 2, 2, 2, 2, 2],
            upsample_kernel_size=[2, 2, 2, 2, 2],
            filters=[32, 64, 128, 256, 512, 512],
            deep_supervision=True,
            deep_supr_num=2,
        ),
    ),
    decode_head=dict(in_index=0),
    # Halved from level to level, as in nnU-Net.
    auxiliary_head=[
        dict(**deep_head, in_index=1, loss_decode=dict(**deep_loss, loss_weight=0.5)),
        dict(**deep_head, in_index=2, loss_decode=dict(**deep_loss, loss_weight=0.25)),
    ],
)
optim_wrapper = dict(paramwise_cfg=dict(bypass_duplicate=True))  # blocks are registered twice
