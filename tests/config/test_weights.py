"""--weights: what the encoder starts from, and what follows it."""

import os
import subprocess
import sys

import pytest
import torch

from support.command_line import ROOT, load
from usfm_mm.io.card import CARD_KEY, Card
from usfm_mm.models import USFMViT


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Weights of a ViT-Ti with LayerScale, and of one without."""
    folder = tmp_path_factory.mktemp('weights')
    for name, scale in (('scaled', 0.1), ('plain', 0.0)):
        encoder = USFMViT('tiny', in_channels=1, img_size=64, layer_scale_init_value=scale)
        weights = {f'backbone.{key}': value for key, value in encoder.state_dict().items()}
        torch.save({'state_dict': weights}, folder / f'{name}.pth')
    return folder


@pytest.mark.parametrize('name', ['scaled', 'plain'])
@pytest.mark.parametrize(
    'config', ['usfm/seg_custom_upernet', 'usfm/cls_custom_linear', 'usfm/enhance_custom_cyclegan']
)
def test_size_and_layer_scale_follow(files, config, name):
    file = str(files / f'{name}.pth')
    before = load(config)
    cfg = load(config, '--weights', file)
    node = cfg.model.get('generator', cfg.model).backbone
    old = before.model.get('generator', before.model).backbone
    assert node.init_cfg == dict(type='Pretrained', checkpoint=file)
    assert node.arch == 'tiny'
    by_hand = load(config, '--arch', 'tiny').model
    for part in ('neck', 'head', 'decode_head', 'auxiliary_head'):
        assert cfg.model.get(part) == by_hand.get(part)
    kept = old.get('layer_scale_init_value')
    assert node.get('layer_scale_init_value') == (kept if name == 'scaled' else 0.0)


def test_a_size_by_hand_agrees_or_is_refused(files):
    file = str(files / 'scaled.pth')
    config = 'usfm/seg_custom_upernet'
    both, alone = load(config, '--weights', file, '--arch', 'tiny'), load(config, '--weights', file)
    assert both.model == alone.model
    with pytest.raises(ValueError, match=r'--arch small, but --weights .*scaled\.pth is tiny'):
        load(config, '--weights', file, '--arch', 'small')


def test_what_has_no_place_for_them(files):
    with pytest.raises(
        ValueError, match='--weights is for an encoder usfm_mm.USFMViT; .* has usfm'
    ):
        load('baselines/seg_monai_dynunet', '--weights', str(files / 'scaled.pth'))
    with pytest.raises(FileNotFoundError, match=r'none\.pth'):
        load('usfm/seg_custom_upernet', '--weights', 'none.pth')


@pytest.fixture
def grey(files, tmp_path):
    """As our pre-training saves it: with a card, for one channel."""
    preprocessor = dict(mean=[56.58], std=[52.05])
    config = dict(image_size=112, model=dict(data_preprocessor=preprocessor))
    card = Card('pretrain', 'tiny', (112, 112), 1, [56.58], [52.05], config=config)
    weights = torch.load(files / 'scaled.pth', weights_only=True)
    torch.save({**weights, 'meta': {CARD_KEY: card.to_dict()}}, tmp_path / 'iter_3060.pth')
    return str(tmp_path / 'iter_3060.pth')


LONG = {
    'usfm/seg_custom_upernet.py': (
        'model.backbone.',
        ['model.data_preprocessor.mean=[56.58,56.58,56.58]']
        + ['model.data_preprocessor.std=[52.05,52.05,52.05]'],
    ),
    'usfm/cls_custom_linear.py': (
        'model.backbone.',
        ['data_preprocessor.mean=[56.58,56.58,56.58]', 'data_preprocessor.std=[52.05,52.05,52.05]'],
    ),
    'usfm/enhance_usenhance_cyclegan.py': (
        'model.generator.backbone.',
        ['model.generator.mean=[56.58]', 'model.generator.std=[52.05]']
        + ['model.generator.backbone.in_channels=1'],
    ),
}


@pytest.mark.parametrize('config', LONG)
def test_one_option_in_place_of_five(grey, config):
    encoder, options = LONG[config]
    options = ['--arch', 'tiny', '--cfg-options', f'{encoder}init_cfg.checkpoint={grey}', *options]
    assert load(config, '--weights', grey)._cfg_dict == load(config, *options)._cfg_dict


def test_a_mean_by_hand_that_contradicts_is_refused(grey):
    for mean, refused in ((100.0, True), (56.58, False)):
        path = 'model.data_preprocessor'
        options = [f'{path}.mean={[mean] * 3}'.replace(' ', ''), f'{path}.std=[52.05,52.05,52.05]']
        words = ['usfm/seg_custom_upernet.py', '--weights', grey, '--cfg-options', *options]
        if refused:
            with pytest.raises(ValueError, match=r'mean 100, .*3060\.pth was trained with mean 56'):
                load(*words)
        else:
            assert load(*words).model.data_preprocessor.mean == [mean] * 3


QUIET = """
import sys
from support.command_line import load
from usfm_mm.__main__ import main
load('usfm/cls_custom_linear', '--weights', sys.argv[1])
main(['convert', *sys.argv[1:], '--to', 'mmpretrain'])
"""
ORDERS = {
    'options first': QUIET,
    'convert alone': QUIET.replace("load('usfm", "0 and load('usfm"),
}


@pytest.mark.parametrize('program', ORDERS.values(), ids=ORDERS)
def test_reading_weights_lets_no_host_talk(files, tmp_path, program):
    arguments = [files / 'scaled.pth', tmp_path / 'out.pth']
    done = subprocess.run(
        [sys.executable, '-c', program, *map(str, arguments)],
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=f'{ROOT}:{ROOT / "tests"}'),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for text in ('MultiScaleDeformable', 'OneDL', 'Warning'):
        assert text not in done.stdout + done.stderr
