"""The config that a run saves is read again as the run had it, for the test too."""

import pytest
from mmengine.registry import DATASETS, DefaultScope

from support.command_line import load

SMALL = ['--image-size', 112, '--arch', 'tiny', '--epochs', 20, '--lr', '1e-3', '--workers', 0]
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def saved(cfg, folder, *options, checkpoint=None):
    """As mmengine's runner dumps it, and the commands load it."""
    cfg.dump(folder / 'saved.py')
    return load(folder / 'saved.py', *options, checkpoint=checkpoint)


@pytest.mark.parametrize(
    'name', ['usfm/seg_custom_upernet.py', 'usfm/cls_custom_linear.py', 'usfm/pretrain_3mus.py']
)
def test_nothing_is_lost(name, tmp_path):
    options = [*SMALL, *(['--mask-size', 16] if 'pretrain' in name else [])]
    cfg = load(name, *options, '--cfg-options', 'train_cfg.val_interval=2')
    again = saved(cfg, tmp_path)
    for part in ('model', 'optim_wrapper', 'param_scheduler', 'train_cfg', *LOADERS):
        assert again[part] == cfg[part], part


@pytest.mark.parametrize('name', ['usfm/pretrain_3mus.py', 'usfm/pretrain_cpu.py'])
def test_masks_of_the_test_are_those_of_the_run(name, organ_folder, tmp_path):
    """A small run's options on the way in, none when its saved config is tested."""
    options = [*SMALL, '--mask-size', 16, '--data-root', organ_folder, '--cfg-options']
    options += [f'{loader}.dataset.split=None' for loader in LOADERS]
    cfg = saved(load(name, *options), tmp_path)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        for loader in LOADERS:
            item = DATASETS.build(cfg[loader].dataset)[0]
            assert item['patch_mask'].shape == (7, 7), loader
            assert item['inputs'].shape[-2:] == (112, 112), loader
