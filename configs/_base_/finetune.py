# Schedule and runtime of every downstream task (paper 4.2: 200 epochs, Adam, cosine; the rest is
# the authors' released fine-tuning). One image of the test set is judged once, by the best model.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=5.0),
    constructor='usfm_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.65),
)
train_cfg = dict(type='usfm_mm.ResumableEpochTrainLoop', max_epochs=200, val_interval=1)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-3,
        by_epoch=True,
        begin=0,
        end=20,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-6,
        by_epoch=True,
        begin=20,
        end=200,
        convert_to_iter_based=True,
    ),
]
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=0)
log_level = 'INFO'
log_processor = dict(by_epoch=True, window_size=20)
default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    checkpoint=dict(
        type='usfm_mm.SafeCheckpointHook', by_epoch=True, interval=10, max_keep_ckpts=1
    ),
)
custom_hooks = [dict(type='usfm_mm.IterationSeedHook'), dict(type='usfm_mm.TestReportHook')]
visualizer = dict(
    type='mmengine.Visualizer',
    name='visualizer',
    vis_backends=[dict(type='mmengine.LocalVisBackend')],
)
check_data = True  # look at images, masks and lists before a run of tools/train.py or test.py
load_from = None
resume = False
