"""A trained model from its file alone: what the run's own model answers, in a fresh process."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from support.downstream import load, narrow, write_data
from usfm_mm.apis import load_backbone, load_model
from usfm_mm.apis.model import build
from usfm_mm.commands import describe_model, publish_model
from usfm_mm.compat import set_up_cpu
from usfm_mm.config.image_size import set_image_size
from usfm_mm.config.options import build_runner, set_data_root
from usfm_mm.io.card import Card
from usfm_mm.models.checkpoints.files import CheckpointError, load_file
from usfm_mm.models.checkpoints.publishing import publish
from usfm_mm.models.outputs import outputs_of, rebuilt_of

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import sys
import numpy as np
from usfm_mm.apis import load_model
file, images, out = sys.argv[1:]
model, images = load_model(file), np.load(images)
masks = np.eye(2, dtype=bool)[None].repeat(len(images), 0), np.eye(7, dtype=bool)[: len(images)]
pretrained = model.card.task == 'pretrain'
np.save(out, np.stack(model.rebuild(images, *masks)) if pretrained else model(images))
"""


def ask_afresh(file, images, folder):
    np.save(folder / 'images.npy', images)
    command = [sys.executable, '-c', ASK, file, folder / 'images.npy', folder / 'out.npy']
    environment = dict(os.environ, PYTHONPATH=str(ROOT), CUDA_VISIBLE_DEVICES='')
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return np.load(folder / 'out.npy')


def train(config, folder):
    config.work_dir = str(folder / 'run')
    config.visualizer.vis_backends = [dict(type='mmengine.LocalVisBackend')]
    runner = build_runner(config)
    runner.train()
    return runner.model.eval(), Path(config.work_dir, 'last_checkpoint').read_text()


def downstream(name, folder):
    write_data(folder / 'data', 2, 2)
    config = load(name)
    set_data_root(config, str(folder / 'data'))
    set_image_size(config, 64)
    narrow(config)
    set_up_cpu(config)
    config.train_cfg.max_epochs = 1
    config.param_scheduler = []
    config.default_hooks.checkpoint.update(by_epoch=True, interval=1, save_best=None)
    config.runner_type = 'usfm_mm.QuietRunner'
    config.custom_hooks = []
    return config


@pytest.mark.parametrize(
    ('name', 'task', 'shape'),
    [
        ('configs/usfm/seg_custom_upernet.py', 'segment', (3, 2, 64, 64)),
        ('configs/usfm/cls_custom_linear.py', 'classify', (3, 2)),
    ],
)
def test_fine_tuned(tmp_path, name, task, shape):
    pytest.importorskip('monai')
    config = downstream(name, tmp_path)
    module, file = train(config, tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), np.uint8)
    expected = outputs_of(module, task, images)
    assert expected.shape == shape
    np.testing.assert_allclose(expected.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(ask_afresh(file, images, tmp_path), expected)
    card = load_model(file).card
    preprocessor = config.model.get('data_preprocessor') or config.data_preprocessor
    assert (card.task, card.image_size, card.channels) == (task, (64, 64), 3)
    assert (card.mean, card.std) == (list(preprocessor.mean), list(preprocessor.std))
    assert card.classes == list(config.train_dataloader.dataset.metainfo.classes)
    assert card.data['images'] == 4
    assert str(tmp_path) not in str(card.to_dict())  # no path of the machine that trained it
    out = tmp_path / 'shipped' / 'model.safetensors'
    publish(file, out)
    np.testing.assert_array_equal(ask_afresh(out, images, tmp_path), expected)
    names = set(load_file(out)['state_dict'])
    assert not [name for name in names if name.startswith('auxiliary_head')]
    assert out.stat().st_size < Path(file).stat().st_size / 2  # no optimizer
    publish(file, out, half=True)
    np.testing.assert_allclose(load_model(out)(images), expected, atol=2e-3)
    assert load_backbone(out).mean == tuple(card.mean)


def test_pre_trained(tmp_path, tiny_config):
    tiny_config.train_cfg = dict(type='usfm_mm.ResumableEpochTrainLoop', max_epochs=1)
    tiny_config.default_hooks.checkpoint = dict(type='usfm_mm.SafeCheckpointHook', by_epoch=True)
    tiny_config.image_size = 64
    tiny_config.runner_type = 'usfm_mm.QuietRunner'
    module, file = train(tiny_config, tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 64, 64), np.uint8)
    patch_mask = np.eye(2, dtype=bool)[None].repeat(3, 0)
    expected = np.stack(rebuilt_of(module, images, patch_mask, np.eye(7, dtype=bool)[:3]))
    np.testing.assert_array_equal(ask_afresh(file, images, tmp_path), expected)
    model = load_model(file)
    assert (model.card.task, model.card.mean, model.card.std) == ('pretrain', [100.0], [50.0])
    assert model.card.organs == sorted(model.card.organs) != []
    with pytest.raises(ValueError, match='gives no answers of its own'):
        model(images)
    encoder = load_backbone(file)  # mean, std and size are in the file
    assert (list(encoder.mean), list(encoder.std)) == ([100.0], [50.0])
    assert tuple(encoder.size) == (64, 64)
    publish(file, tmp_path / 'a.safetensors')
    again = load_backbone(tmp_path / 'a.safetensors')
    np.testing.assert_array_equal(again.encode(images), encoder.encode(images))


def test_commands(tmp_path, tiny_config, capsys):
    config = tiny_config.model.to_dict()
    data = dict(name='scans', images=12, organs=['heart', 'liver'], licence='CC0')
    card = Card(
        'pretrain', 'tiny', (64, 64), 1, [100.0], [50.0], data=data, config=dict(model=config)
    )
    weights = build(card).state_dict()
    content = {'meta': {'usfm_card': card.to_dict()}, 'state_dict': weights, 'optimizer': weights}
    torch.save(content, tmp_path / 'a.pth')
    publish_model.main([str(tmp_path / 'a.pth'), str(tmp_path / 'a.safetensors')])
    digest = hashlib.sha256((tmp_path / 'a.safetensors').read_bytes()).hexdigest()
    assert digest in capsys.readouterr().out
    with pytest.raises(ValueError, match=r'a\.safetensors exists: remove it'):
        publish_model.main([str(tmp_path / 'a.pth'), str(tmp_path / 'a.safetensors')])
    page = (tmp_path / 'a.md').read_text()
    assert digest in page
    assert '| trained on | scans; 12 images; heart, liver |' in page
    for name in ('a.pth', 'a.safetensors'):
        describe_model.main([str(tmp_path / name)])
        lines = capsys.readouterr().out.splitlines()
        assert 'images               64 x 64 pixels, 1 channel(s)' in lines
        assert 'mean                 100' in lines
    torch.save({'state_dict': weights}, tmp_path / 'b.pth')
    describe_model.main([str(tmp_path / 'b.pth')])
    assert 'card                 none' in capsys.readouterr().out
    with pytest.raises(CheckpointError, match='b.pth has no card'):
        publish(tmp_path / 'b.pth', tmp_path / 'b.safetensors')
    with pytest.raises(ValueError, match=r'c\.pth: a published model is a file that ends in'):
        publish(tmp_path / 'a.pth', tmp_path / 'c.pth')


def test_files_that_do_not_tell(tmp_path):
    file = tmp_path / 'a.pth'
    torch.save({'state_dict': {}}, file)
    with pytest.raises(CheckpointError, match='a.pth has no card'):
        load_model(file)
    torch.save({'meta': {'usfm_card': {'task': 'fly'}}, 'state_dict': {}}, file)
    with pytest.raises(CheckpointError, match=r'a\.pth: not a card of a model'):
        load_model(file)
    with pytest.raises(FileNotFoundError, match=r'b\.pth'):
        load_model(tmp_path / 'b.pth')


def test_a_card_of_other_weights(tmp_path, tiny_config):
    card = Card(
        'pretrain',
        'x',
        (64, 64),
        1,
        [100.0],
        [50.0],
        config=dict(model=tiny_config.model.to_dict()),
    )
    torch.save({'meta': {'usfm_card': card.to_dict()}, 'state_dict': {}}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='do not fit the model that its card describes'):
        load_model(tmp_path / 'a.pth')


def test_a_card_runs_nothing_that_is_not_registered(tmp_path, tiny_config):
    for kind in ('os.system', 'mmengine.fileio.load', 'mmengine.load'):
        model = tiny_config.model.to_dict()
        model['backbone'] = dict(type=kind, command=f'touch {tmp_path / "run"}')
        card = Card('pretrain', 'x', (64, 64), 1, [1.0], [1.0], config=dict(model=model))
        torch.save({'meta': {'usfm_card': card.to_dict()}, 'state_dict': {}}, tmp_path / 'a.pth')
        with pytest.raises(CheckpointError, match=rf"a\.pth: model\.backbone\.type is '{kind}'"):
            load_model(tmp_path / 'a.pth')
    assert not (tmp_path / 'run').exists()
