# What every run shares: hooks, logging, processes.
val_cfg = dict()
test_cfg = dict()
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=0)
log_level = 'INFO'
log_processor = dict(by_epoch=True, window_size=50)
default_hooks = dict(
    runtime_info=dict(type='usfm_mm.LearningRateHook'),
    timer=dict(type='mmengine.IterTimerHook'),  # mmagic has one of its own
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
visualizer = dict(
    type='mmengine.Visualizer',
    vis_backends=[dict(type='mmengine.LocalVisBackend')],
)
load_from = None
resume = False
