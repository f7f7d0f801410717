# CycleGAN (Zhu et al. 2017) from low quality (A) to high quality (B) and back: model, schedule,
# runtime. Networks, losses, Adam and its learning rate are those of CycleGAN and of stock mmagic;
# 200 epochs and the cosine are the paper's (4.2). The best model on validation is tested once.
_base_ = ['runtime.py', 'enhance_data.py']
default_scope = 'mmagic'
model = dict(
    type='CycleGAN',
    data_preprocessor=dict(type='DataPreprocessor', data_keys=['img_A', 'img_B']),  # to [-1, 1]
    generator=dict(
        type='ResnetGenerator',
        in_channels=3,
        out_channels=3,
        base_channels=64,
        norm_cfg=dict(type='IN'),
        use_dropout=False,
        num_blocks=9,
        padding_mode='reflect',
        init_cfg=dict(type='normal', gain=0.02),
    ),
    discriminator=dict(
        type='PatchDiscriminator',
        in_channels=3,
        base_channels=64,
        num_conv=3,
        norm_cfg=dict(type='IN'),
        init_cfg=dict(type='normal', gain=0.02),
    ),
    default_domain='B',
    reachable_domains=['A', 'B'],
    related_domains=['A', 'B'],
    loss_config=dict(cycle_loss_weight=10.0, id_loss_weight=0.5),
)
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    generators=dict(
        type='usfm_mm.SyncedOptimWrapper',
        optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999)),
    ),
    discriminators=dict(
        type='usfm_mm.SyncedOptimWrapper',
        optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999)),
    ),
)
model_wrapper_cfg = dict(type='usfm_mm.SyncedGAN')
train_cfg = dict(type='usfm_mm.ResumableEpochTrainLoop', max_epochs=200, val_interval=5)
param_scheduler = [  # without an end: that of the run
    dict(type='CosineAnnealingLR', eta_min=0.0, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    checkpoint=dict(
        type='usfm_mm.SafeCheckpointHook',
        by_epoch=True,
        interval=5,
        max_keep_ckpts=1,
        save_best='SSIM',
        rule='greater',
    ),
)
custom_hooks = [
    dict(type='usfm_mm.IterationSeedHook'),
    dict(type='usfm_mm.ImageBufferHook'),
    dict(type='usfm_mm.EnhancementHook'),
    dict(type='usfm_mm.TestReportHook'),
    dict(type='usfm_mm.CurvesHook'),
]
fit_normalisation = True  # mean and std of an encoder are those of its weights
