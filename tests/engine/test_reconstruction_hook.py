"""The reconstruction panel: its numbers, its files, and that training does not notice it."""

import json
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate

from usfm_mm.datasets.samples import choose_per_organ, stored_image
from usfm_mm.datasets.seeding import SeededIndex
from usfm_mm.evaluation.reconstruction import evaluating, masked_patch_errors, reconstruct

HOOK = dict(type='usfm_mm.ReconstructionHook', interval=1)


def test_training_is_the_same_to_the_bit_with_and_without(build_run, tmp_path):
    states = []
    for hooks in ([], [HOOK], [dict(HOOK, by_epoch=False)]):
        runner = build_run(hooks)
        runner.train()
        assert runner.iter == 6
        states.append((runner.model.state_dict(), torch.rand(3), random.random()))
    plain = states[0]
    for other in states[1:]:
        assert all(torch.equal(plain[0][key], other[0][key]) for key in plain[0])
        assert torch.equal(plain[1], other[1])
        assert plain[2] == other[2]


def test_files_and_numbers(build_run):
    runner = build_run([HOOK], **{'visualizer.vis_backends': [dict(type='LocalVisBackend')]})
    runner.train()
    folder = Path(runner.work_dir, 'reconstruction')
    assert sorted(path.name for path in folder.iterdir()) == [
        'epoch_001.json',
        'epoch_001.png',
        'epoch_002.json',
        'epoch_002.png',
    ]
    assert cv2.imread(str(folder / 'epoch_002.png')).std() > 20
    # No second copy by mmengine's local backend.
    assert not list(Path(runner.work_dir).rglob('vis_image'))

    # The same numbers from scratch, written out.
    dataset = runner.val_dataloader.dataset
    chosen = choose_per_organ(dataset, 1, seed=0)
    record = json.loads((folder / 'epoch_002.json').read_text())
    assert (record['epoch'], record['iter'], record['image']) == (2, 6, 'epoch_002.png')
    assert list(record['organs']) == ['breast', 'heart', 'liver'] == list(chosen)
    runner.model.eval()
    for n, (organ, (position,)) in enumerate(chosen.items()):
        item = default_collate([dataset[SeededIndex(position, n)]])
        image = item['inputs'].double() / 255
        mask = torch.nn.functional.interpolate(item['patch_mask'][:, None].float(), (64, 64)) > 0
        with torch.no_grad():
            data = runner.model.data_preprocessor(item)
            output = runner.model(data['inputs']) * 50 / 255 + 100 / 255
        expected = (output - image).abs()[mask].mean().item()
        fill = (image.mean() - image).abs()[mask].mean().item()
        assert record['organs'][organ]['l1_reconstruction'] == pytest.approx(expected, rel=1e-5)
        assert record['organs'][organ]['l1_mean_fill'] == pytest.approx(fill, rel=1e-4)


def test_iterations_and_the_last_one(build_run):
    runner = build_run([dict(HOOK, by_epoch=False, interval=4)])
    runner.train()
    names = {path.name for path in Path(runner.work_dir, 'reconstruction').glob('*.png')}
    assert names == {'iter_000004.png', 'iter_000006.png'}


def test_without_validation_data_and_patch_masks(build_run, tiny_config):
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
        tiny_config.pop(key)
    pipeline = tiny_config.train_dataloader.dataset.pipeline
    pipeline[:] = [step for step in pipeline if step['type'] != 'usfm_mm.DrawDualMask']
    runner = build_run([HOOK])
    runner.train()
    folder = Path(runner.work_dir, 'reconstruction')
    record = json.loads((folder / 'epoch_002.json').read_text())
    assert record['l1_reconstruction'] is None
    assert record['organs']['liver']['l1_mean_fill'] is None


def test_errors_count_masked_pixels_only():
    original = np.zeros((2, 1, 2, 2))
    mask = np.zeros((2, 1, 2, 2), dtype=bool)
    mask[0, 0, 0, 0] = mask[1, 0, 1] = True
    reconstruction = np.full_like(original, 100.0)
    reconstruction[0, 0, 0, 0], reconstruction[1, 0, 1] = 0.5, (-0.1, 0.3)
    images = dict(original=original, masked=original + 1, reconstruction=reconstruction)
    result = masked_patch_errors({**images, 'pixel_mask': mask}, ['a', 'b'])
    assert result['organs']['a']['l1_reconstruction'] == pytest.approx(0.5)
    assert result['organs']['b']['l1_reconstruction'] == pytest.approx(0.2)
    assert result['l1_reconstruction'] == pytest.approx(0.9 / 3)
    assert result['l1_mean_fill'] == pytest.approx(1)


def test_pixel_mask_is_where_the_fill_is(build_run):
    runner = build_run([])
    dataset = runner.build_dataloader(runner._train_dataloader).dataset
    batch = default_collate([dataset[SeededIndex(i, 7)] for i in (0, 9)])
    images = reconstruct(runner.model, batch)
    for original, masked, mask in zip(
        images['original'], images['masked'], images['pixel_mask'], strict=True
    ):
        np.testing.assert_allclose(masked[mask], original.mean(), atol=1e-5)
        assert mask.mean() == 0.5  # ceil(0.4 * 4) of 4 patches
        assert original.min() >= -1e-6
        assert original.max() <= 1 + 1e-6


def test_evaluating_restores_each_module():
    model = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.BatchNorm1d(2))
    model.train()
    model[1].eval()
    with pytest.raises(RuntimeError, match='inside'), evaluating(model):  # noqa: PT012
        assert not model[0].training
        raise RuntimeError('inside')
    assert [module.training for module in model.modules()] == [True, True, False]


class _Labelled:
    metainfo = {'organs': ['a', 'b', 'c']}
    organ_ids = np.repeat([0, 1], [50, 2])


def test_choice_by_organ():
    chosen = choose_per_organ(_Labelled(), 5, seed=3)
    assert chosen['b'] == [50, 51]  # all there are
    assert 'c' not in chosen  # no images
    assert len(set(chosen['a'])) == 5
    assert chosen['a'] == sorted(chosen['a'])
    assert max(chosen['a']) < 50
    assert chosen == choose_per_organ(_Labelled(), 5, seed=3)
    assert chosen != choose_per_organ(_Labelled(), 5, seed=4)
    with pytest.raises(TypeError, match="metainfo\\['organs'\\]"):
        choose_per_organ(object(), 1)


def test_stored_image_is_the_file(organ_folder, build_run):
    runner = build_run([])
    dataset = runner.build_dataloader(runner._train_dataloader).dataset
    expected = cv2.imread(str(organ_folder / 'heart' / '1.png'), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(stored_image(dataset, 9)[..., 0], expected)
    assert dataset[9]['inputs'].shape == (1, 64, 64)  # the data set keeps its pipeline


def test_bad_interval(build_run):
    with pytest.raises(ValueError, match='interval'):
        build_run([dict(HOOK, interval=0)])
