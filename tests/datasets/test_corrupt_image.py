"""The transform that makes test images worse, and how a test gets it."""

import numpy as np
import pytest

from support.command_line import load
from usfm_mm.commands import test as command
from usfm_mm.config.corruption import corruption_of, set_corruption
from usfm_mm.datasets.transforms import CorruptImage


def image():
    return np.random.default_rng(0).integers(1, 255, (40, 50), np.uint8)


def test_chance_is_of_the_file_alone():
    transform = CorruptImage('speckle', 3)
    first, again, other = (
        transform(dict(img=image(), img_path=path))['img']
        for path in ('a/x.png', 'b/x.png', 'y.png')
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == (40, 50)


def test_colours_become_grey_and_channels_stay():
    grey = np.repeat(image()[..., None], 3, axis=2)
    found = CorruptImage('shadow', 5)(dict(img=grey, img_path='x.png'))['img']
    alone = CorruptImage('shadow', 5)(dict(img=image(), img_path='x.png'))['img']
    assert found.shape == (40, 50, 3)
    for channel in range(3):
        np.testing.assert_array_equal(found[..., channel], alone)


def test_severities_are_checked_at_once():
    with pytest.raises(ValueError, match='gain:9 is none of'):
        CorruptImage('gain', 9)
    with pytest.raises(ValueError, match='fog:1 is none of'):
        CorruptImage('fog', 1)


@pytest.mark.parametrize('config', ['usfm/seg_custom_upernet', 'usfm/cls_custom_linear'])
def test_a_test_has_it_right_after_loading(config):
    cfg = load(config)
    before = [step['type'] for step in cfg.test_dataloader.dataset.pipeline]
    training = str(cfg.train_dataloader)
    set_corruption(cfg, 'gain:3')
    steps = cfg.test_dataloader.dataset.pipeline
    assert [step['type'] for step in steps] == [before[0], 'usfm_mm.CorruptImage', *before[1:]]
    assert (steps[1]['kind'], steps[1]['severity']) == ('gain', 3)
    assert str(cfg.train_dataloader) == training
    assert corruption_of(cfg) == 'gain:3'
    assert corruption_of(load(config)) is None


@pytest.mark.parametrize(
    ('given', 'folder'),
    [
        ([], 'work_dirs/seg_custom_upernet'),
        (['--corrupt', 'gain:3'], 'work_dirs/seg_custom_upernet/corrupted/gain_3'),
        (['--corrupt', 'gain:3', '--work-dir', 'own'], 'own'),
    ],
)
def test_results_of_worse_images_lie_beside_the_others(monkeypatch, tmp_path, given, folder):
    class Asked(Exception):  # noqa: N818
        pass

    def build_runner(cfg):
        raise Asked(cfg.work_dir)

    monkeypatch.chdir(tmp_path)
    (tmp_path / 'best.pth').write_bytes(b'')
    monkeypatch.setattr('usfm_mm.config.options.build_runner', build_runner)
    monkeypatch.setattr('usfm_mm.config.loading.check_data_root', lambda cfg: None)
    with pytest.raises(Asked, match=f'^{folder}$'):
        command.main(['usfm/seg_custom_upernet', 'best.pth', *given])


def test_mistakes_are_named():
    cfg = load('usfm/seg_custom_upernet')
    for text in ('gain', 'gain:', 'gain:6', 'fog:1', 'gain:x'):
        with pytest.raises(ValueError, match=f'--corrupt {text}: give KIND:SEVERITY, of speckle'):
            set_corruption(cfg, text)
    with pytest.raises(ValueError, match='--corrupt is for tests of single images'):
        set_corruption(load('usfm/enhance_custom_cyclegan'), 'gain:3')
