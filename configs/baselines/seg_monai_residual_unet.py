# ResUNet, as MONAI's residual UNet: https://docs.monai.io/en/stable/networks.html#unet
_base_ = ['../_base_/finetune.py', '../_base_/seg_monai.py', '../_base_/seg_data.py']
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
# No layers to decay by, and a rate for training from scratch: ours, the paper prints none.
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    constructor='DefaultOptimWrapperConstructor',
    paramwise_cfg=dict(_delete_=True, norm_decay_mult=0.0, bias_decay_mult=0.0),
)
auto_scale_lr = dict(base_batch_size=16)  # several GPUs: --auto-scale-lr
default_hooks = dict(checkpoint=dict(save_best='DSC', rule='greater'))
