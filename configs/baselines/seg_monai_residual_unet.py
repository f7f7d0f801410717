# ResUNet, as MONAI's residual UNet: https://docs.monai.io/en/stable/networks.html#unet
_base_ = '../_base_/seg_monai.py'
model = dict(
    backbone=dict(
        type='usfm_mm.MONAINetwork',
        network=dict(
            type='UNet',
            spatial_dims=2,
            in_channels=3,
            out_channels=32,
            channels=(32, 64, 128, 256, 512),
            strides=(2, 2, 2, 2),
            num_res_units=2,
            norm='batch',
        ),
    )
)
