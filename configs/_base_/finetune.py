# Schedule and runtime of every downstream task (paper 4.2: 200 epochs, Adam, cosine; the rest is
# the authors' released fine-tuning). One image of the test set is judged once, by the best model.
# The rate is for training from scratch, one in all layers: ours, the paper prints none.
_base_ = 'runtime.py'
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-4, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
train_cfg = dict(type='usfm_mm.ResumableEpochTrainLoop', max_epochs=200, val_interval=1)
param_scheduler = [  # without an end: that of the run
    dict(type='LinearLR', start_factor=1e-3, by_epoch=True, end=20, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR', eta_min=1e-6, by_epoch=True, begin=20, convert_to_iter_based=True
    ),
]
log_processor = dict(window_size=20)
default_hooks = dict(
    logger=dict(interval=10, log_metric_by_epoch=False),  # one axis in TensorBoard
    checkpoint=dict(
        type='usfm_mm.SafeCheckpointHook', by_epoch=True, interval=10, max_keep_ckpts=1
    ),
)
custom_hooks = [
    dict(type='usfm_mm.IterationSeedHook'),
    dict(type='usfm_mm.TestReportHook'),
    dict(type='usfm_mm.FirstBatchHook'),
    dict(type='usfm_mm.CurvesHook'),
]
check_data = True  # look at images, masks and lists before a run of tools/train.py or test.py
fit_classes = True  # to those of data_root/dataset.json, where it is there
fit_normalisation = True  # mean and std are those of the weights that training starts from
