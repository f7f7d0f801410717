"""What training and test of enhancement write, from whole runs, on one and two ranks."""

import csv
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from support.two_ranks import on_two_ranks

pytest.importorskip('skimage')

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from usfm_mm.engine.hooks import EnhancementHook
from usfm_mm.evaluation import report_figures
from usfm_mm.io.image import encode_png, read_grey
from usfm_mm.visualization.enhancement import enhancement_panel, spread_over_organs

COUNT = 5


@MODELS.register_module()
class Brightener(BaseModel):
    """Adds 40 grey levels to the image of low quality."""

    def __init__(self, brighter=40):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0))
        self.brighter = brighter

    def forward(self, inputs=None, mode='loss', **item):
        if mode == 'loss':
            return dict(loss=self.weight**2)
        samples = []
        for n, path in enumerate(item['img_A_path']):
            meta = {key: item[key][n] for key in ('img_B_path', 'organ')}
            sample = BaseDataElement(metainfo=dict(meta, img_A_path=path))
            images = {key: item[key][n].permute(2, 0, 1) for key in ('img_A', 'img_B')}
            for key, value in images.items():
                sample.set_field(value, key)
            sample.set_field(images['img_A'].float() + self.brighter, 'fake_B')
            samples.append(sample)
        return samples


def low_image(n):
    ramp = np.tile(np.linspace(20, 120, 64), (48, 1)) + np.random.default_rng(n).normal(
        0, 3, (48, 64)
    )
    return np.rint(ramp).astype(np.uint8)


@pytest.fixture(scope='module')
def pairs(tmp_path_factory):
    """Five pairs of two organs; image n is to become 10 n grey levels brighter."""
    root = tmp_path_factory.mktemp('pairs')
    for side, step in (('low_quality', 0), ('high_quality', 10)):
        (root / side).mkdir()
        for n in range(COUNT):
            (root / side / f'{n}.png').write_bytes(encode_png(low_image(n) + np.uint8(step * n)))
    lines = [f'{n}.png {("liver", "breast")[n % 2]}' for n in range(COUNT)]
    (root / 'list.txt').write_text('\n'.join(lines))
    return root


def build(root, work_dir, hooks=(), evaluator='usfm_mm.EnhancementMetric', **model):
    loader = dict(
        dataset=dict(
            type='usfm_mm.EnhancementDataset',
            data_root=str(root),
            ann_file='list.txt',
            pipeline=[dict(type='usfm_mm.LoadImagePair')],
        ),
        sampler=dict(type='DefaultSampler', shuffle=False),
        batch_size=2,
        num_workers=0,
        collate_fn=dict(type='default_collate'),
    )
    config = Config(
        dict(
            model=dict(type='Brightener', **model),
            work_dir=str(work_dir),
            train_dataloader=loader,
            val_dataloader=loader,
            test_dataloader=loader,
            train_cfg=dict(by_epoch=False, max_iters=4, val_interval=2),
            val_cfg=dict(),
            test_cfg=dict(),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            val_evaluator=dict(type=evaluator),
            test_evaluator=dict(type=evaluator),
            custom_hooks=[
                dict(type='usfm_mm.EnhancementHook', num_images=2),
                dict(type='usfm_mm.TestReportHook', num_images=8),
            ],
            default_hooks=dict(checkpoint=None),
            randomness=dict(seed=5),
            experiment_name=f'enhance-{np.random.SeedSequence().entropy}',
            log_level='WARNING',
        ),
        cfg_text=' ',  # else the file is read
        filename='/somewhere/enhance_test.py',
    )
    return Runner.from_cfg(config)


@pytest.fixture
def drawn(monkeypatch):
    calls = []

    def keep(groups, title=''):
        calls.append((groups, title))
        return tile_panel(groups, title=title)

    tile_panel = report_figures.enhancement_panel.__globals__['tile_panel']
    monkeypatch.setattr('usfm_mm.visualization.enhancement.tile_panel', keep)
    return calls


def captions(groups):
    return {heading: [tile.caption for tile in tiles] for heading, tiles in groups.items()}


def test_panels_at_each_validation(pairs, tmp_path, drawn):
    runner = build(pairs, tmp_path)
    runner.train()
    names = [path.name for path in sorted((tmp_path / 'enhancement').iterdir())]
    assert names == ['iter_000002.png', 'iter_000004.png']
    assert [title for _, title in drawn] == ['iter 000002', 'iter 000004']
    metric = runner.val_loop.evaluator.metrics[0]
    for groups, _ in drawn:
        assert list(groups) == ['breast: 1', 'liver: 0']
        for n, tiles in ((1, groups['breast: 1']), (0, groups['liver: 0'])):
            low, enhanced, high = (tile.image for tile in tiles)
            np.testing.assert_array_equal(low, low_image(n))
            np.testing.assert_array_equal(enhanced, low_image(n) + 40)
            np.testing.assert_array_equal(high, low_image(n) + 10 * n)
            row = metric.per_image[n]
            assert [tile.caption for tile in tiles] == [
                f'low quality\nSSIM {row["SSIM_input"]:.1f} %',
                f'enhanced\nSSIM {row["SSIM"]:.1f} %',
                'high quality\n',
            ]


def test_the_report_of_a_test(pairs, tmp_path, drawn):
    runner = build(pairs, tmp_path)
    result = runner.test()
    folder = tmp_path / 'test'
    assert {path.name for path in folder.iterdir()} == {
        'per_image.csv',
        'summary.json',
        'panel.png',
        'hardest_easiest.png',
        'enhanced',
    }
    assert result['SSIM/liver'] != result['SSIM/breast']
    assert json.loads((folder / 'summary.json').read_text())['metrics'] == result
    with (folder / 'per_image.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['organ'] for row in rows] == ['liver', 'breast', 'liver', 'breast', 'liver']
    for name in ('SSIM', 'LNCC', 'NMI', 'PSNR'):
        for organ in ('liver', 'breast'):
            own = [float(row[name]) for row in rows if row['organ'] == organ]
            assert result[f'{name}/{organ}'] == pytest.approx(np.mean(own))
        for column in (name, f'{name}_input'):
            mean = np.mean([float(row[column]) for row in rows])
            assert result[column] == pytest.approx(mean)
    assert float(rows[4]['SSIM']) == pytest.approx(100)  # 40 levels were right
    assert float(rows[0]['SSIM_input']) == pytest.approx(100)
    for n in range(COUNT):
        np.testing.assert_array_equal(
            read_grey(folder / 'enhanced' / f'{n}.png'), low_image(n) + 40
        )
    (panel, _), (extremes, title) = drawn
    assert list(panel) == ['breast: 1', 'breast: 3', 'liver: 0', 'liver: 4']
    assert title == 'Lowest to highest SSIM'
    assert list(extremes) == ['liver: 0', 'breast: 1', 'breast: 3', 'liver: 4']


def _on_rank(rank, root, folder):
    runner = build(root, Path(folder))
    runner.train()
    runner.test()


def test_two_ranks_report_as_one(pairs, tmp_path, free_port, monkeypatch):
    monkeypatch.chdir(tmp_path)
    on_two_ranks(_on_rank, free_port, str(pairs), str(tmp_path / 'two'))
    _on_rank(0, pairs, tmp_path / 'one')
    for part in ('test', 'enhancement'):
        files = [p for p in (tmp_path / 'one' / part).rglob('*') if p.is_file()]
        assert len(files) == {'test': 4 + COUNT, 'enhancement': 2}[part]
        for file in files:
            other = tmp_path / 'two' / file.relative_to(tmp_path / 'one')
            assert file.read_bytes() == other.read_bytes(), file


def test_needs_the_metric(pairs, tmp_path):
    runner = build(pairs, tmp_path, evaluator='usfm_mm.ReconstructionMetric')
    with pytest.raises(ValueError, match='in val_evaluator, which has ReconstructionMetric'):
        runner.train()
    with pytest.raises(ValueError, match='num_images must be at least 1'):
        EnhancementHook(num_images=0)


def test_spread_over_organs():
    rows = [dict(organ=organ) for organ in 'aabbbbbbc']
    assert spread_over_organs(rows, 6) == [0, 1, 2, 7, 8]
    assert spread_over_organs(rows, 3) == [0, 2, 8]
    assert spread_over_organs(rows, 2) == [0, 2]
    assert spread_over_organs(rows[2:8], 3) == [0, 2, 5]


def test_low_and_high_quality_are_drawn_at_the_size_of_the_enhanced(pairs, drawn):
    row = dict(
        image=str(pairs / 'low_quality' / '1.png'),
        reference=str(pairs / 'high_quality' / '1.png'),
        organ='liver',
        SSIM_input='50.04',
    )
    enhanced = np.zeros((24, 32), np.uint8)
    enhancement_panel([row], [dict(a=(enhanced, 1.0), b=(enhanced, 2.0))])
    ((groups, _),) = drawn
    assert captions(groups)['liver: 1'] == [
        'low quality\nSSIM 50.0 %',
        'a\nSSIM 1.0 %',
        'b\nSSIM 2.0 %',
        'high quality\n',
    ]
    low = groups['liver: 1'][0].image
    expected = cv2.resize(low_image(1), (32, 24), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(low, expected)
