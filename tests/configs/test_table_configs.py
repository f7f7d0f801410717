"""Labels, findings and numbers of images and clips: trained, validated and tested."""

import csv
import json

import numpy as np
import pytest
import torch
from mmengine.registry import RUNNERS
from sklearn import metrics as reference

from support.downstream import load
from support.table_data import CLASSES, LABELS, config, write_table_data

SCRATCH = 'configs/baselines/table_vit_scratch.py'
TARGETS = ('label', 'labels', 'values')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('table')
    write_table_data(root)
    return root


def rows_of(folder):
    with (folder / 'test' / 'per_image.csv').open(newline='') as file:
        return list(csv.DictReader(file))


def columns(rows, start, names):
    return np.array([[float(row[f'{start}_{name}']) for name in names] for row in rows])


@pytest.mark.parametrize('target', TARGETS)
def test_trains_and_tests_with_the_metrics_of_scikit_learn(target, data, tmp_path):
    runner = RUNNERS.build(config(target, data, tmp_path))
    before = {k: p.detach().clone() for k, p in runner.model.named_parameters() if p.requires_grad}
    runner.train()
    assert not [k for k, p in runner.model.named_parameters() if k in before and p.equal(before[k])]
    found = runner.test()
    rows = rows_of(tmp_path)
    assert len(rows) == 4
    if target == 'label':
        truth, answer = ([row[k] for row in rows] for k in ('truth', 'prediction'))
        assert found['ACC'] == pytest.approx(100 * reference.accuracy_score(truth, answer))
        scores = columns(rows, 'score', CLASSES)
        patients = [scores[i : i + 2].mean(0).argmax() for i in (0, 2)]
        truth = [CLASSES.index(row['truth']) for row in rows][::2]
        assert found['patient/ACC'] == pytest.approx(
            100 * reference.accuracy_score(truth, patients)
        )
    elif target == 'labels':
        truth, scores = columns(rows, 'truth', LABELS), columns(rows, 'score', LABELS)
        auc = 100 * reference.roc_auc_score(truth, scores, average='macro')
        precision = 100 * reference.average_precision_score(truth, scores, average='macro')
        assert found['AUC'] == pytest.approx(auc)
        assert found['AP'] == pytest.approx(precision)
        assert found['AUC/B-lines'] == pytest.approx(
            100 * reference.roc_auc_score(truth[:, 1], scores[:, 1])
        )
        f1 = reference.f1_score(truth, scores >= 0.5, average='macro', zero_division=0)
        assert found['F1'] == pytest.approx(100 * f1)
        grouped = [v.reshape(2, 2, 2).max(1) for v in (truth, scores)]
        assert found['patient/AUC/A-lines'] == pytest.approx(
            100 * reference.roc_auc_score(grouped[0][:, 0], grouped[1][:, 0])
        )
    else:
        truth, answer = columns(rows, 'truth', ['EF']), columns(rows, 'value', ['EF'])
        assert found['MAE'] == pytest.approx(reference.mean_absolute_error(truth, answer))
        assert found['R2'] == pytest.approx(reference.r2_score(truth, answer))
        assert found['RMSE'] == pytest.approx(np.sqrt(reference.mean_squared_error(truth, answer)))
        assert found['r'] == pytest.approx(np.corrcoef(truth[:, 0], answer[:, 0])[0, 1], abs=1e-6)
        assert 20 < answer.mean() < 80  # in the numbers' own unit
        grouped = [v.reshape(2, 2).mean(1) for v in (truth, answer)]
        assert found['patient/MAE'] == pytest.approx(np.abs(grouped[0] - grouped[1]).mean())
    figure = dict(label='confusion_matrix', labels='roc', values='scatter')[target]
    assert (tmp_path / 'test' / f'{figure}.png').stat().st_size > 1000
    summary = json.loads((tmp_path / 'test' / 'summary.json').read_text())
    assert summary['images'] == 4


def test_a_clip_is_the_mean_of_its_frames(data, tmp_path):
    cfg = config('label', data, tmp_path)
    runner = RUNNERS.build(cfg)
    model = runner.model.eval()
    runner.test_loop.dataloader.dataset.full_init()
    batch = runner.test_loop.dataloader.collate_fn(
        [runner.test_loop.dataloader.dataset[i] for i in (0, 1)]
    )
    assert [len(frames) for frames in batch['inputs']] == [1, 6]
    answers = model.test_step(batch)
    frames = torch.cat(batch['inputs']).float()
    mean, std = model.data_preprocessor.mean, model.data_preprocessor.std
    with torch.no_grad():
        vectors = model.backbone((frames - mean) / std)[-1]
        expected = model.head.fc(torch.stack([vectors[0], vectors[1:].mean(0)])).softmax(1)
    torch.testing.assert_close(torch.stack([a.pred_score for a in answers]), expected)


def test_attention_begins_as_the_mean_and_learns(data, tmp_path):
    runner = RUNNERS.build(config('labels', data, tmp_path, 'AttentionFrames'))
    pooling = runner.model.pooling
    vectors = torch.randn(5, pooling.hidden.in_features, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(pooling(vectors), vectors.mean(0))
    runner.train()
    weights = pooling.weights(vectors).detach()
    expected = torch.tanh(vectors.double() @ pooling.hidden.weight.double().T)
    expected = (expected @ pooling.score.weight.double().T).softmax(0)
    torch.testing.assert_close(weights.double(), expected, rtol=1e-4, atol=1e-6)
    assert weights.std() > 0


def test_training_draws_other_frames_each_epoch(data, tmp_path):
    cfg = config('label', data, tmp_path)
    cfg.train_dataloader.dataset.pipeline[1].num_frames = 2
    runner = RUNNERS.build(cfg)
    loader = runner.build_dataloader(cfg.train_dataloader, seed=0)

    def drawn(epoch):
        loader.sampler.set_epoch(epoch)
        return {
            sample.img_path: tuple(sample.frame_numbers)
            for batch in loader
            for sample in batch['data_samples']
        }

    first, second = drawn(0), drawn(1)
    assert first == drawn(0)
    clips = [path for path, numbers in first.items() if len(numbers) == 2]
    assert len(clips) == 4
    assert any(first[path] != second[path] for path in clips)
    assert all(numbers[0] < numbers[1] for numbers in (first[p] for p in clips))


def test_the_control_differs_in_its_weights_and_rate_alone():
    ours, scratch = load('configs/usfm/table_label_linear.py'), load(SCRATCH)
    assert ours.model.backbone.pop('init_cfg').checkpoint
    assert scratch.model.backbone.pop('init_cfg') is None
    assert scratch.optim_wrapper.optimizer.lr == 3e-4
    assert scratch.optim_wrapper.paramwise_cfg.layer_decay_rate == 1.0
    ours, scratch = (
        {key: of for key, of in cfg.to_dict().items() if key != 'optim_wrapper'}
        for cfg in (ours, scratch)
    )
    assert scratch == ours
