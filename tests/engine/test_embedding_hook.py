"""The embedding: its images, its features and its silhouette, and what happens without any."""

import json
import logging
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from usfm_mm.engine.hooks import EmbeddingHook
from usfm_mm.evaluation.silhouette import silhouette_by_organ
from usfm_mm.visualization.embedding import umap_points

HOOK = dict(type='usfm_mm.EmbeddingHook', images_per_organ=5)


@pytest.fixture
def no_umap(monkeypatch):
    """As if umap-learn were not installed; its import takes seconds."""
    monkeypatch.setitem(sys.modules, 'umap', None)


def clusters(distance: float) -> tuple[np.ndarray, list[str]]:
    features = np.random.default_rng(0).normal(size=(20, 4))
    features[10:] += distance
    return features, ['a'] * 10 + ['b'] * 10


def test_silhouette_equals_its_definition():
    pytest.importorskip('sklearn')
    features, organs = clusters(3.0)
    names = np.asarray(organs)
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    expected = []
    for i, name in enumerate(organs):
        own = distance[i, names == name].sum() / 9  # without itself
        other = distance[i, names != name].mean()
        expected.append((other - own) / max(own, other))
    result = silhouette_by_organ(features, organs)
    assert result['silhouette'] == pytest.approx(np.mean(expected))
    assert result['organs'] == pytest.approx(
        {'a': np.mean(expected[:10]), 'b': np.mean(expected[10:])}
    )


def test_silhouette_tells_separate_from_mixed():
    pytest.importorskip('sklearn')
    assert silhouette_by_organ(*clusters(50.0))['silhouette'] > 0.95
    assert abs(silhouette_by_organ(*clusters(0.0))['silhouette']) < 0.1


def test_umap_keeps_clusters_apart_and_repeats():
    pytest.importorskip('umap')
    features, _ = clusters(50.0)
    points = umap_points(features, seed=1)
    assert points.shape == (20, 2)
    centres = points[:10].mean(0), points[10:].mean(0)
    spread = np.linalg.norm(points[:10].std(0))  # of one cluster, whatever place it has
    assert np.linalg.norm(centres[0] - centres[1]) > 5 * spread
    np.testing.assert_array_equal(points, umap_points(features, seed=1))
    assert np.isfinite(umap_points(features[:3])).all()  # the fewest that the hook lets through


def test_at_the_end_of_training(build_run):
    pytest.importorskip('umap')
    runner = build_run([HOOK])
    runner.train()
    folder = Path(runner.work_dir, 'embedding')
    assert sorted(path.name for path in folder.iterdir()) == [
        'epoch_002.json',
        'epoch_002.npz',
        'epoch_002.png',
    ]
    record = json.loads((folder / 'epoch_002.json').read_text())
    saved = np.load(folder / 'epoch_002.npz')
    # Eight images of each organ, in training and validation data alike: none is counted twice.
    assert record['images'] == len(saved['organs']) == 15
    assert sorted(set(saved['organs'])) == ['breast', 'heart', 'liver'] == list(record['organs'])
    assert len(np.unique(saved['features'], axis=0)) == 15
    standard = saved['features'] - saved['features'].mean(0)
    standard /= saved['features'].std(0)
    unit = standard / np.linalg.norm(standard, axis=1, keepdims=True)
    again = silhouette_by_organ(unit, saved['organs'].tolist())
    assert record['features'] == saved['kind'] == 'mean+std'
    assert record['silhouette'] == pytest.approx(again['silhouette'], abs=1e-5)
    buffer = runner.message_hub.get_scalar('embedding/silhouette')
    assert buffer.current() == pytest.approx(record['silhouette'])
    assert cv2.imread(str(folder / 'epoch_002.png')) is not None


def test_features_are_moments_of_the_tokens_of_unmasked_images(build_run, organ_folder):
    runner = build_run([])
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner._val_loop = None
    hook = EmbeddingHook(images_per_organ=100)
    features, organs, kind = hook._features(runner)
    assert kind == 'mean+std'
    assert organs == ['breast'] * 8 + ['heart'] * 8 + ['liver'] * 8
    assert features.dtype == np.float32
    image = cv2.imread(str(organ_folder / 'heart' / '2.png'), cv2.IMREAD_GRAYSCALE)
    image = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    inputs = (torch.from_numpy(image).float()[None, None] - 100) / 50
    runner.model.eval()
    with torch.no_grad():
        tokens = runner.model.backbone(inputs)[0][0].flatten(1).numpy()
    expected = np.concatenate([tokens.mean(1), tokens.std(1)])
    np.testing.assert_allclose(features[10], expected, atol=1e-5)


def test_training_is_the_same_to_the_bit_with_and_without(build_run, no_umap):
    states = []
    for hooks in ([], [dict(HOOK, interval=1)]):
        runner = build_run(hooks)
        runner.train()
        states.append((runner.model.state_dict(), torch.rand(3)))
    (plain, numbers), (hooked, hooked_numbers) = states
    assert Path(runner.work_dir, 'embedding', 'epoch_001.npz').exists()
    assert all(torch.equal(plain[key], hooked[key]) for key in plain)
    assert torch.equal(numbers, hooked_numbers)


def _warnings_of(runner) -> list[str]:
    messages: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record):
            messages.append(record.getMessage())

    runner.logger.addHandler(Keep(logging.WARNING))
    return messages


def test_missing_package_names_the_remedy_and_keeps_the_features(build_run, no_umap):
    runner = build_run([HOOK])
    messages = _warnings_of(runner)
    runner.train()
    assert any('package umap' in text and 'usfm-mm[vis]' in text for text in messages)
    names = {path.name for path in Path(runner.work_dir, 'embedding').iterdir()}
    assert names == {'epoch_002.npz', 'epoch_002.json'}


@pytest.mark.parametrize(
    ('organs', 'per_organ', 'found'),
    [
        (['heart'], 100, '8 image(s) of heart (images_per_organ=100)'),
        (None, 1, '3 image(s) of breast, heart, liver (images_per_organ=1)'),
    ],
)
def test_too_little_to_compare_is_a_warning(build_run, organs, per_organ, found):
    changes = {
        f'{loader}.dataset.organs': organs for loader in ('train_dataloader', 'val_dataloader')
    }
    runner = build_run([dict(HOOK, images_per_organ=per_organ)], **changes)
    messages = _warnings_of(runner)
    runner.train()
    expected = 'it takes two organs, and two images of at least one of them; there are ' + found
    assert any(expected in text for text in messages)
    assert not Path(runner.work_dir, 'embedding').exists()


def test_missing_sklearn_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.metrics', None)
    with pytest.raises(ModuleNotFoundError, match=r'sklearn.*usfm-mm\[vis\]'):
        silhouette_by_organ(*clusters(1.0))


def test_features_that_are_no_numbers_are_a_warning(build_run, no_umap):
    pytest.importorskip('sklearn')
    runner = build_run([HOOK], val_dataloader=None, val_cfg=None, val_evaluator=None)
    messages = _warnings_of(runner)
    torch.nn.init.constant_(runner.model.backbone.ln1.weight, float('nan'))
    runner.train()
    assert any('features are not finite; did the training diverge?' in text for text in messages)
    assert not Path(runner.work_dir, 'embedding').exists()
