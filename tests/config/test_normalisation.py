"""Mean and std come from the weights or the data, and are said."""

import json
import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from support.command_line import load
from usfm_mm.config import normalisation

PRETRAINED = {'model.data_preprocessor': json.dumps(dict(type='A', mean=[56.58], std=[52.05]))}


@pytest.fixture
def said(monkeypatch):
    found = []
    monkeypatch.setattr(
        normalisation, 'print_log', lambda text, logger, level: found.append((level, text))
    )
    return found


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / 'iter_9.pth'
    torch.save(dict(state_dict={}, meta=dict(trained_with=PRETRAINED)), path)
    return path


def start(weights, prefix='model.backbone'):
    return ['--cfg-options', f'{prefix}.init_cfg.checkpoint={weights}']


def test_fine_tuning_takes_those_of_the_weights(weights, said):
    cfg = load('usfm/seg_custom_upernet.py', *start(weights))
    assert cfg.model.data_preprocessor.mean == [56.58] * 3
    assert cfg.model.data_preprocessor.std == [52.05] * 3
    text = f'Mean 56.58 and std 52.05 of intensities: of {weights}.'
    assert said == [(logging.INFO, text)]
    cfg = load('usfm/cls_custom_linear.py', *start(weights))
    assert cfg.data_preprocessor.mean == [56.58] * 3
    options = [
        *start(weights, 'model.generator.backbone'),
        'model.generator.backbone.in_channels=1',
    ]
    cfg = load('usfm/enhance_custom_cyclegan.py', *options)
    assert (cfg.model.generator.mean, cfg.model.generator.std) == ([56.58], [52.05])


def test_by_hand_goes_before_and_is_warned_of(weights, said):
    options = [*start(weights), 'model.data_preprocessor.mean=[1.0,2.0,3.0]']
    cfg = load('usfm/seg_custom_upernet.py', *options)
    assert cfg.model.data_preprocessor.mean == [1.0, 2.0, 3.0]
    ((level, text),) = said
    assert level == logging.WARNING
    assert f'mean (1, 2, 3), std (58.395, 57.12, 57.375), but {weights} was trained with' in text
    options = [*start(weights), 'fit_normalisation=False']
    cfg = load('usfm/seg_custom_upernet.py', *options)
    assert cfg.model.data_preprocessor.mean == [123.675, 116.28, 103.53]
    assert said[1][0] == logging.WARNING


def test_weights_that_do_not_tell_leave_the_configs(tmp_path, said):
    torch.save(dict(model={}), tmp_path / 'USFM_latest.pth')
    (tmp_path / 'broken.pth').write_text('x')
    (tmp_path / 'dataset.json').write_text(json.dumps(dict(mean=40.0, std=30.0)))
    for name in ('USFM_latest.pth', 'broken.pth', 'absent.pth'):
        options = ['--cfg-options', 'fit_classes=False', *start(tmp_path / name)[1:]]
        cfg = load('usfm/seg_custom_upernet.py', '--data-root', tmp_path, *options)
        assert cfg.model.data_preprocessor.mean == [123.675, 116.28, 103.53]
    assert said == []


def test_a_test_takes_those_of_its_checkpoint(weights):
    cfg = load('usfm/pretrain_3mus.py', checkpoint=weights)
    assert cfg.model.data_preprocessor.mean == [56.58]


@pytest.mark.parametrize('name', ['dataset.json', 'database.json', 'index.parquet'])
def test_pretraining_takes_those_of_the_data(name, tmp_path, said):
    about = dict(mean=41.5, std=33.25)
    if name == 'index.parquet':
        table = pa.table(dict(path=['a.png'], organ=['breast']))
        table = table.replace_schema_metadata({'usfm_mm': json.dumps(about)})
        pyarrow.parquet.write_table(table, tmp_path / name)
    else:
        (tmp_path / name).write_text(json.dumps(about))
    cfg = load('usfm/pretrain_3mus.py', '--data-root', tmp_path)
    assert cfg.model.data_preprocessor.mean == [41.5]
    assert said == [(logging.INFO, f'Mean 41.5 and std 33.25 of intensities: of {tmp_path}.')]
    cfg = load('ablations/pretrain_simmim_us.py', '--data-root', tmp_path)
    assert cfg.model.data_preprocessor.std == [33.25] * 3


def test_data_that_does_not_tell(tmp_path):
    (tmp_path / 'index.csv').write_text('path,organ\na.png,breast\n')
    cfg = load('usfm/pretrain_3mus.py', '--data-root', tmp_path)
    assert cfg.model.data_preprocessor.mean == [55.0]
    (tmp_path / 'dataset.json').write_text(json.dumps(dict(mean=41.5, std=33.25)))
    cfg = load('baselines/seg_upernet_scratch.py', '--data-root', tmp_path, *no_classes())
    assert cfg.model.data_preprocessor.mean == [41.5] * 3
    assert Path(cfg.data_root) == tmp_path


def no_classes():
    return ['--cfg-options', 'fit_classes=False']
