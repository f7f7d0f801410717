"""What a test writes, from whole runs of a model that knows the answers, on one and two ranks."""

import csv
import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, PixelData
from torch.utils.data import Dataset

pytest.importorskip('monai')

from support.two_ranks import on_two_ranks
from usfm_mm.engine.hooks import TestReportHook
from usfm_mm.evaluation import report_figures
from usfm_mm.evaluation.report_figures import _name

CLASSES = ('benign', 'malignant', 'normal')
COUNT = 9


@DATASETS.register_module()
class ReportedImages(Dataset):
    metainfo = dict(classes=CLASSES)

    def __init__(self, root):
        self.root = root

    def __len__(self):
        return COUNT

    def __getitem__(self, n):
        return dict(inputs=torch.tensor(n), path=f'{self.root}/{n}.png')


@MODELS.register_module()
class Oracle(BaseModel):
    """Answers worse from image to image."""

    def __init__(self, task):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.answer = dict(seg=masks_of, cls=scores_of)[task]

    def forward(self, inputs, path, mode='predict'):
        samples = []
        for n, name in zip(inputs.tolist(), path, strict=True):
            sample = BaseDataElement(metainfo=dict(img_path=name))
            for key, value in self.answer(n).items():
                sample.set_field(value, key)
            samples.append(sample)
        return samples


def masks_of(n):
    truth = torch.zeros(1, 48, 64, dtype=torch.long)
    truth[:, 10:30, 10:40] = 1
    truth[:, 30:40, 10:40] = 2
    prediction = torch.roll(truth, n, dims=2)
    if n == 8:  # both empty: DSC 100, which is no easy image
        truth, prediction = torch.zeros_like(truth), torch.zeros_like(truth)
    return dict(gt_sem_seg=PixelData(data=truth), pred_sem_seg=PixelData(data=prediction))


def scores_of(n):
    chosen = n % 3 if n < 6 else (n + 1) % 3
    scores = torch.full((3,), 0.2 - 0.02 * n)
    scores[chosen] = 1 - 2 * scores[0]
    return dict(gt_label=torch.tensor([n % 3]), pred_score=scores)


METRICS = dict(seg='usfm_mm.PerImageSegMetric', cls='usfm_mm.BootstrapClsMetric')


def run_test(work_dir, root, task, **metric):
    loader = dict(
        dataset=dict(type='ReportedImages', root=str(root)),
        sampler=dict(type='DefaultSampler', shuffle=False),
        batch_size=2,
        num_workers=0,
        collate_fn=dict(type='default_collate'),
    )
    config = Config(
        dict(
            model=dict(type='Oracle', task=task),
            work_dir=str(work_dir),
            test_dataloader=loader,
            test_evaluator=dict(type=METRICS[task], **metric),
            test_cfg=dict(),
            custom_hooks=[dict(type='usfm_mm.TestReportHook', num_images=4)],
            randomness=dict(seed=5),
            experiment_name=f'report-{np.random.SeedSequence().entropy}',
            log_level='WARNING',
        ),
        cfg_text=' ',  # else the file is read
        filename='/somewhere/seg_of_test.py',
    )
    runner = Runner.from_cfg(config)
    return runner, runner.test()


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Nine images, half as large again as the masks."""
    root = tmp_path_factory.mktemp('images')
    ramp = np.tile(np.linspace(20, 200, 96), (72, 1)).astype(np.uint8)
    for n in range(COUNT):
        cv2.imwrite(str(root / f'{n}.png'), ramp + 5 * n)
    return root


@pytest.fixture
def drawn(monkeypatch):
    """Arguments of the panels that are drawn."""
    calls = {}
    for name in ('tile_panel', 'confusion_panel'):
        real = getattr(report_figures, name)

        def keep(*args, real=real, name=name):
            calls.setdefault(name, []).append(args)
            return real(*args)

        monkeypatch.setattr(report_figures, name, keep)
    return calls


def read_report(runner):
    folder = Path(runner.work_dir, 'test')
    with (folder / 'per_image.csv').open(newline='') as file:
        return folder, json.loads((folder / 'summary.json').read_text()), list(csv.DictReader(file))


def captions(tiles):
    return [tile.caption for tile in tiles]


def test_worse_images_are_told(tmp_path, images, monkeypatch):
    monkeypatch.setattr('usfm_mm.engine.hooks.test_report.corruption_of', lambda cfg: 'gain:3')
    runner, _ = run_test(tmp_path, images, 'seg')
    assert read_report(runner)[1]['corruption'] == 'gain:3'


def test_segmentation(tmp_path, images, drawn):
    runner, result = run_test(tmp_path, images, 'seg')
    folder, summary, rows = read_report(runner)
    assert {path.name for path in folder.iterdir()} == {
        'per_image.csv',
        'summary.json',
        'overlays.png',
        'hardest_easiest.png',
    }
    assert summary == dict(
        metrics=result,
        images=COUNT,
        checkpoint=None,
        epoch=None,
        iter=None,
        config='seg_of_test.py',
        seed=5,
    )
    scores = [float(row['DSC']) for row in rows]
    assert scores == pytest.approx([100 * (30 - n) / 30 for n in range(8)] + [100])
    assert result['DSC'] == pytest.approx(np.mean(scores))

    (overlays, classes), (extremes, _) = drawn['tile_panel']
    assert classes == list(CLASSES)
    assert captions(overlays['']) == ['0\nDSC 100.0', '3\nDSC 90.0', '5\nDSC 83.3', '8\nDSC 100.0']
    assert {name: captions(tiles) for name, tiles in extremes.items()} == {
        'Lowest DSC': ['7\nDSC 76.7', '6\nDSC 80.0'],
        'Highest DSC': ['1\nDSC 96.7', '0\nDSC 100.0'],  # without the empty image
    }
    hardest = extremes['Lowest DSC'][0]
    expected = masks_of(7)
    np.testing.assert_array_equal(hardest.truth, expected['gt_sem_seg'].data[0])
    np.testing.assert_array_equal(hardest.prediction, expected['pred_sem_seg'].data[0])
    # The image file, at the size of the masks.
    stored = cv2.imread(str(images / '7.png'), cv2.IMREAD_GRAYSCALE)
    assert hardest.image.shape == (48, 64)
    assert hardest.image.mean() == pytest.approx(stored.mean(), abs=1)


def test_classification(tmp_path, images, drawn):
    runner, result = run_test(tmp_path, images, 'cls')
    folder, summary, rows = read_report(runner)
    assert {path.name for path in folder.iterdir()} == {
        'per_image.csv',
        'per_class.csv',
        'summary.json',
        'confusion_matrix.png',
        'hardest_easiest.png',
    }
    assert summary['metrics'] == result
    assert result['ACC'] == pytest.approx(100 * 6 / 9)
    assert [row['prediction'] == row['truth'] for row in rows] == [True] * 6 + [False] * 3
    ((confusion, names, title),) = drawn['confusion_panel']
    assert confusion.tolist() == [[2, 1, 0], [0, 2, 1], [1, 0, 2]]
    assert names == list(CLASSES)
    assert title == '9 images, ACC 66.7 %'
    ((tiles,),) = drawn['tile_panel']
    assert {name: captions(group) for name, group in tiles.items()} == {
        'Wrong, most confident': [
            '8\nnormal\ntaken for benign, 92 %',
            '7\nmalignant\ntaken for normal, 88 %',
        ],
        'Right, most confident': ['5\nnormal, 80 %', '4\nmalignant, 76 %'],
    }
    stored = cv2.imread(str(images / '8.png'), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(tiles['Wrong, most confident'][0].image, stored)


def _on_rank(rank, folder, images):
    for task in METRICS:
        run_test(Path(folder, task), images, task)


def test_two_ranks_report_as_one(tmp_path, images, free_port, monkeypatch):
    monkeypatch.chdir(tmp_path)
    on_two_ranks(_on_rank, free_port, str(tmp_path / 'two'), str(images))
    for task in METRICS:
        run_test(tmp_path / 'one' / task, images, task)
        one, two = (tmp_path / number / task / 'test' for number in ('one', 'two'))
        names = sorted(path.name for path in one.iterdir())
        assert sorted(path.name for path in two.iterdir()) == names
        assert len(names) == dict(seg=4, cls=5)[task]
        for name in names:
            assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_own_table_and_the_checkpoint_are_respected(tmp_path, images):
    checkpoint = tmp_path / 'best.pth'
    state = dict(state_dict=dict(weight=torch.ones(1)), meta=dict(epoch=7, iter=70))
    torch.save(state, checkpoint)
    table = tmp_path / 'mine.csv'
    runner, _ = run_test(tmp_path / 'run', images, 'cls', csv_path=str(table))
    assert table.is_file()
    assert not Path(runner.work_dir, 'test', 'per_image.csv').exists()
    runner.cfg.load_from = str(checkpoint)
    runner.load_checkpoint(str(checkpoint))
    runner.test()
    summary = json.loads(Path(runner.work_dir, 'test', 'summary.json').read_text())
    assert (summary['checkpoint'], summary['epoch'], summary['iter']) == (str(checkpoint), 7, 70)
    # After training the weights are not those of the file.
    for hook in runner.hooks:
        if isinstance(hook, TestReportHook):
            hook._trained = True
    runner.test()
    summary = json.loads(Path(runner.work_dir, 'test', 'summary.json').read_text())
    assert summary['checkpoint'] is None


def test_an_image_that_is_gone_costs_only_its_pictures(tmp_path, images):
    missing = tmp_path / 'images'
    missing.mkdir()
    for n in range(COUNT):
        if n != 7:  # among the hardest, not among the overlays
            (missing / f'{n}.png').write_bytes((images / f'{n}.png').read_bytes())
    messages = []

    class Keep(logging.Handler):
        def emit(self, record):
            messages.append(record.getMessage())

    handler = Keep(logging.WARNING)
    real = TestReportHook.after_test_epoch

    def listen(self, runner, metrics=None):
        runner.logger.addHandler(handler)
        real(self, runner, metrics)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TestReportHook, 'after_test_epoch', listen)
        runner, _ = run_test(tmp_path, missing, 'seg')
    folder, summary, _ = read_report(runner)
    assert summary['images'] == COUNT
    assert (folder / 'overlays.png').is_file()
    assert not (folder / 'hardest_easiest.png').exists()
    (message,) = messages
    assert 'no hardest_easiest.png' in message
    assert '7.png: file is missing' in message


def test_needs_a_metric_to_report(tmp_path, images, monkeypatch):
    monkeypatch.setitem(METRICS, 'cls', 'usfm_mm.ReconstructionMetric')
    with pytest.raises(ValueError, match='which has ReconstructionMetric'):
        run_test(tmp_path, images, 'cls')
    with pytest.raises(ValueError, match='at least 2'):
        TestReportHook(num_images=1)


def test_long_names_keep_their_end():
    assert _name(dict(image='a/' + 'x' * 40 + '_0123.png')) == '…' + 'x' * 20 + '_0123'
    assert _name(dict(image='a/short.name.png')) == 'short.name'
