"""Keys of --cfg-options that nothing would read."""

from importlib.util import find_spec

import pytest

from support.command_line import load

SEG, PRETRAIN = 'usfm/seg_custom_upernet.py', 'usfm/pretrain_3mus.py'


@pytest.mark.parametrize(
    ('name', 'option', 'hint'),
    [
        (SEG, 'model.backbone.init_cfg.chekpoint', 'model.backbone.init_cfg.checkpoint'),
        (SEG, 'model.decode_head.num_clases', 'model.decode_head.num_classes'),
        (SEG, 'train_dataloader.dataset.img_sufix', 'train_dataloader.dataset.img_suffix'),
        (SEG, 'default_hooks.checkpoint.intervall', 'default_hooks.checkpoint.interval'),
        (PRETRAIN, 'train_dataloader.num_worker', 'train_dataloader.num_workers'),
        (PRETRAIN, 'train_dataloader.dataset.pipeline.3.mask_siz', 'pipeline.3.mask_size'),
        (PRETRAIN, 'train_dataloader.dataset.pipeline.9.size', '0 or 1 or 2 or 3 or 4'),
        (PRETRAIN, 'model.backbone.drop_path_rat', 'model.backbone.drop_path_rate'),
        (PRETRAIN, 'optim_wrapper.optimiser.lr', 'optim_wrapper.optimizer'),
        (PRETRAIN, 'train_cfg.max_epoch', 'train_cfg.max_epochs'),
        (PRETRAIN, 'param_scheduler.0.endd', 'param_scheduler.0.end'),
        (PRETRAIN, 'lr', '--lr or optim_wrapper.optimizer.lr'),
        (PRETRAIN, 'batch_size', '--batch-size or train_dataloader.batch_size'),
        (PRETRAIN, 'max_epochs', 'train_cfg.max_epochs'),
    ],
)
def test_a_mistyped_key_is_refused(name, option, hint):
    with pytest.raises(ValueError, match=f'--cfg-options {option}: .* did you mean .*{hint}'):
        load(name, '--cfg-options', f'{option}=1')


@pytest.mark.parametrize(
    ('name', 'option'),
    [
        (PRETRAIN, 'model.backbone.layer_scale_init_value=1.0'),  # arguments of the class
        (PRETRAIN, 'optim_wrapper.optimizer.eps=1e-6'),
        (PRETRAIN, 'optim_wrapper.accumulative_counts=2'),
        (PRETRAIN, 'train_dataloader.prefetch_factor=4'),
        (PRETRAIN, 'default_hooks.checkpoint.save_last=False'),  # of its parent
        (SEG, 'model.decode_head.ignore_index=7'),
        (SEG, 'model.test_cfg.stride=[112,112]'),  # of a dict without a type
        (SEG, 'model.backbone.init_cfg=None'),
        (SEG, 'randomness.deterministic=True'),
        ('usfm/pretrain_huge_3mus.py', 'strategy.activation_checkpointing=None'),
    ],
)
def test_what_a_part_takes_is_let_through(name, option):
    load(name, '--cfg-options', option)


def test_mmagic_types_are_known():
    if find_spec('mmagic') is None:
        pytest.skip('mmagic is not installed')
    with pytest.raises(ValueError, match='did you mean model.generator.num_blocks'):
        load('usfm/enhance_custom_cyclegan.py', '--cfg-options', 'model.generator.num_block=2')
