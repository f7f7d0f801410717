"""The demonstration models are what their page says, and run from a clone."""

import hashlib

import numpy as np
import pytest

from usfm_mm.apis import extract_features, load_backbone, load_model, reconstruct, segment
from usfm_mm.commands import prepare_data
from usfm_mm.io.image import read_grey


@pytest.fixture
def models(project_root):
    return project_root / 'models'


@pytest.mark.parametrize('name', ['demo_encoder', 'demo_fetal_head'])
def test_page_and_file_belong_together(models, name):
    content = (models / f'{name}.safetensors').read_bytes()
    assert hashlib.sha256(content).hexdigest() in (models / f'{name}.md').read_text()
    assert len(content) < 12.5e6
    card = load_model(models / f'{name}.safetensors').card
    assert card.data['licence'] == 'CC BY 4.0'
    assert len(card.commit) == 40


def test_the_sample_is_segmented(models):
    [answer] = segment(load_model(models / 'demo_fetal_head.safetensors'), models / '*.png')
    assert answer.mask.shape == answer.frame.pixels.shape[:2] == (216, 320)
    assert answer.areas_px['head'] == pytest.approx(13317, rel=0.01)


def test_the_encoder_gives_features_and_rebuilds(models):
    file = models / 'demo_encoder.safetensors'
    features = extract_features(load_backbone(file), models / 'sample_fetal_head.png')
    assert features.shape == (1, 384)
    model = load_model(file)
    [answer] = reconstruct(model, models / 'sample_fetal_head.png')  # patches of 16 pixels
    assert answer.patch_mask.shape == (7, 7)
    assert answer.patch_mask.sum() == 20
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(10):
        patch_mask = rng.permutation(49).reshape(7, 7) < 20
        [answer] = reconstruct(model, models / 'sample_fetal_head.png', patch_mask)
        truth = read_grey(models / 'sample_fetal_head.png').astype(float)
        filled = abs(answer.masked - truth)
        inside = filled > 1  # the mean of the image stands there
        errors.append((filled[inside].mean(), abs(answer.image - truth)[inside].mean()))
    mean_fill, rebuilt = np.mean(errors, axis=0)
    assert rebuilt < 0.8 * mean_fill


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_score_on_the_test_split(models, shared_data, tmp_path):
    prepare_data.main(['hc18', str(shared_data / 'HC18'), str(tmp_path / 'hc18')])
    names = (tmp_path / 'hc18' / 'splits' / 'seg_test.txt').read_text().split()
    files = [tmp_path / 'hc18' / 'images' / f'{name}.png' for name in names]
    model = load_model(models / 'demo_fetal_head.safetensors')
    scores = [
        dice(answer.mask, read_grey(tmp_path / 'hc18' / 'masks' / f'{name}.png'))
        for name, answer in zip(names, segment(model, files), strict=True)
    ]
    assert len(scores) == 56
    assert 100 * np.mean(scores) == pytest.approx(90.1, abs=0.2)
    assert 100 * np.median(scores) == pytest.approx(94.1, abs=0.2)
