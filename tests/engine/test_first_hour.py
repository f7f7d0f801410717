"""What a training shows of itself: first batch, curves, classes, and one answer for all."""

import csv
import json

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, RUNNERS, init_default_scope
from PIL import Image
from sklearn import metrics as reference

from support.downstream import load, narrow, write_data
from support.table_data import config, write_table_data
from usfm_mm.commands import browse_dataset
from usfm_mm.config.image_size import set_image_size
from usfm_mm.config.options import set_data_root
from usfm_mm.datasets import ClassBalancedSampler
from usfm_mm.engine.batch_tiles import batch_tiles
from usfm_mm.evaluation import BootstrapClsMetric, LabelsMetric, bootstrap_cls, labels_metric
from usfm_mm.evaluation.per_class import class_rows, macro
from usfm_mm.io.run_log import read_log


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp('run')
    write_table_data(root / 'data')
    cfg = config('label', root / 'data', root / 'run')
    cfg.default_hooks.logger.interval = 1
    cfg.train_dataloader.batch_size = 4
    cfg.train_dataloader.sampler = dict(type='usfm_mm.ClassBalancedSampler')
    runner = RUNNERS.build(cfg)
    runner.train()
    return runner, root / 'run'


def test_pictures_and_one_axis(run):
    runner, folder = run
    for name in ('first_batch', 'curves'):
        with Image.open(folder / f'{name}.png') as picture:
            assert min(picture.size) > 100
    steps, [(at, measured)] = read_log(folder)
    assert [row['step'] for row in steps] == [1, 2]
    assert at == 2
    assert {'F1', 'AUC', 'AP'} <= set(measured)
    log = [json.loads(line) for line in next(folder.glob('*/vis_data/scalars.json')).open()]
    assert [row['step'] for row in log if 'F1' in row] == [2]  # iterations, not epochs


def test_tiles_are_what_the_model_gets(tmp_path):
    write_data(tmp_path, 3, 2)
    cfg = load('configs/usfm/seg_custom_upernet.py')
    set_data_root(cfg, str(tmp_path))
    set_image_size(cfg, 32)
    narrow(cfg)
    cfg.train_dataloader.dataset.metainfo = dict(classes=('background', 'one', 'two'))
    init_default_scope('mmseg')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    items = [dataset[0], dataset[1]]
    batch = dict(
        inputs=[item['inputs'] for item in items],
        data_samples=[item['data_samples'] for item in items],
    )
    for tile, item in zip(batch_tiles(batch, ('background', 'one', 'two')), items, strict=True):
        np.testing.assert_allclose(tile.image, item['inputs'].float().mean(0), atol=0.5)
        mask = item['data_samples'].gt_sem_seg.data[0].numpy()
        np.testing.assert_array_equal(tile.truth, np.where(mask == 255, 0, mask))
    assert batch_tiles(dict(inputs=torch.zeros(1, 1, 4, 4)), ()) == []


def test_browse_shows_masks_and_labels(tmp_path):
    write_data(tmp_path / 'data', 2, 2)
    out = tmp_path / 'sheet.png'
    for name in ('usfm/seg_custom_upernet', 'usfm/cls_custom_linear'):
        options = ['--data-root', str(tmp_path / 'data'), '--num', '3', '--out', str(out)]
        browse_dataset.main([name, *options])
        assert out.stat().st_size > 2000
        out.unlink()


class Classes(BaseDataset):
    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def get_cat_ids(self, index):
        return [self.labels[index]]


def test_rare_classes_are_drawn_as_often():
    labels = np.array([0] * 96 + [1] * 4)
    sampler = ClassBalancedSampler(Classes(labels), num_samples=4000, seed=0)
    drawn = labels[[int(index) for index in sampler]]
    # 4000 draws of a fair coin: four standard deviations are 127.
    assert abs(drawn.sum() - 2000) < 127
    assert list(sampler) == list(ClassBalancedSampler(Classes(labels), num_samples=4000, seed=0))
    with pytest.raises(TypeError, match='leave out --balance-classes'):
        ClassBalancedSampler([1, 2])


def test_classes_have_the_numbers_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 3, 60), rng.dirichlet(np.ones(4), 60)
    rows = class_rows(truth, scores, ['a', 'b', 'c', 'never'])
    answers = scores.argmax(1)
    for number, row in enumerate(rows[:3]):
        own = truth == number
        assert row['images'] == own.sum()
        assert row['AUC'] == pytest.approx(100 * reference.roc_auc_score(own, scores[:, number]))
        precision = reference.average_precision_score(own, scores[:, number])
        assert row['AP'] == pytest.approx(100 * precision)
        told = answers == number
        assert row['SEN'] == pytest.approx(100 * reference.recall_score(own, told))
        assert row['SPE'] == pytest.approx(100 * reference.recall_score(~own, ~told))
        assert row['F1'] == pytest.approx(100 * reference.f1_score(own, told))
    assert (rows[3]['images'], rows[3]['AUC'], rows[3]['SEN']) == (0, '', '')
    assert macro(rows)['AUC'] == pytest.approx(np.mean([row['AUC'] for row in rows[:3]]))


def test_one_answer_for_all_is_said(monkeypatch):
    told = []
    monkeypatch.setattr(bootstrap_cls, 'print_log', lambda text, **_: told.append(text))
    metric = BootstrapClsMetric()
    metric.dataset_meta = dict(classes=('usual', 'rare'))

    def evaluate(scores):
        told.clear()
        samples = [
            dict(
                img_path=f'{n}.png',
                gt_label=torch.tensor([int(n == 0)]),
                pred_score=torch.tensor([1 - score, score]),
            )
            for n, score in enumerate(scores)
        ]
        metric.process(None, samples)
        metric.evaluate(len(scores))
        return [text for text in told if 'answered' in text]

    [message] = evaluate([0.4] + [0.1] * 24)
    assert "All 25 images are answered 'usual', which is right for 96.0 % of them" in message
    assert '--balance-classes' in message
    assert evaluate([0.6] + [0.1] * 24) == []


def test_findings_that_get_one_answer_are_said(monkeypatch):
    told = []
    monkeypatch.setattr(labels_metric, 'print_log', lambda text, **_: told.append(text))
    metric = LabelsMetric()
    metric.dataset_meta = dict(classes=('usual', 'rare', 'told', 'always'))
    for n, score in enumerate((0.6, 0.7, 0.8, 0.9)):
        sample = dict(
            img_path=f'{n}.png',
            gt_score=torch.tensor([n > 0, n == 3, n > 1, True]).float(),
            pred_score=torch.tensor([score, score - 0.5, score - 0.3, score]),
        )
        metric.process(None, [sample])
    metric.evaluate(4)
    [message] = [text for text in told if 'one answer' in text]
    assert (
        'all 4 get one answer on usual (yes, right for 75 %), rare (no, right for 75 %):' in message
    )
    assert '--balance-classes' in message


def test_a_table_of_classes_is_left(run, tmp_path):
    runner, folder = run
    runner.test()
    with (folder / 'test' / 'per_class.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['class'] for row in rows] == ['mild', 'severe']
    assert [row['images'] for row in rows] == ['2', '2']
