"""The config that a run saves is read again as the run had it, for the test too."""

import json
from pathlib import Path

import pytest
from mmengine.registry import DATASETS, RUNNERS, DefaultScope

from support.command_line import load
from support.table_data import config, write_table_data
from usfm_mm.commands.test import main as run_test
from usfm_mm.config.places import with_whole_paths

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


def test_paths_are_those_of_the_run_from_any_folder(tmp_path, monkeypatch):
    """data/ and runs/one are relative to where the run was started."""
    elsewhere = tmp_path / 'elsewhere'
    for folder in (tmp_path / 'data', tmp_path / 'runs/one', elsewhere):
        folder.mkdir(parents=True)
    (tmp_path / 'weights.pth').touch()
    monkeypatch.chdir(tmp_path)
    cfg = load('usfm/seg_custom_upernet.py', '--data-root', 'data', '--work-dir', 'runs/one')
    cfg.model.backbone.init_cfg.checkpoint = 'weights.pth'
    with_whole_paths(cfg).dump(tmp_path / 'runs/one/saved.py')
    assert cfg.data_root == cfg.test_dataloader.dataset.data_root == 'data'  # the run's own stay
    monkeypatch.chdir(elsewhere)
    again = load(tmp_path / 'runs/one/saved.py')
    assert again.data_root == str(tmp_path / 'data')
    assert {again[loader].dataset.data_root for loader in LOADERS} == {str(tmp_path / 'data')}
    assert again.work_dir == str(tmp_path / 'runs/one')
    assert again.model.backbone.init_cfg.checkpoint == str(tmp_path / 'weights.pth')


def test_a_run_is_tested_by_its_saved_config_alone_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / 'elsewhere').mkdir()
    write_table_data(tmp_path / 'data')
    monkeypatch.chdir(tmp_path)
    cfg = config('labels', 'data', Path('runs/one'))
    RUNNERS.build(cfg).train()
    [best] = Path('runs/one').resolve().glob('best_*.pth')
    monkeypatch.chdir(tmp_path / 'elsewhere')
    run_test([str(tmp_path / 'runs/one/table_labels_linear.py'), str(best)])
    summary = json.loads((tmp_path / 'runs/one/test/summary.json').read_text())
    assert summary['images'] == 4
    assert list(Path.cwd().iterdir()) == []
