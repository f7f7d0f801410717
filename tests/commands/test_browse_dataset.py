"""tools/browse_dataset.py from the command line to the picture."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from usfm_mm.visualization import reconstruction

CONFIG = """
default_scope = 'mmpretrain'
data_root = '{root}'
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='usfm_mm.OrganBalancedSampler'),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='usfm_mm.UltrasoundDataset',
        data_root=data_root,
        pipeline=[
            dict(type='usfm_mm.RandomAffineCrop', size=64, rotation=(0, 0)),
            dict(type='usfm_mm.DrawDualMask', mask_size=32),
            dict(type='usfm_mm.PackUltrasound'),
        ],
    ),
)
model = dict(
    data_preprocessor=dict(type='usfm_mm.DualMaskDataPreprocessor', mean=[60.0], std=[40.0])
)
randomness = dict(seed=3)
"""


@pytest.fixture
def tool():
    return import_module('usfm_mm.commands.browse_dataset')


@pytest.fixture
def config(tmp_path) -> Path:
    lines = ['path,organ']
    rng = np.random.default_rng(0)
    for n in range(6):
        cv2.imwrite(
            str(tmp_path / f'{n}.png'), rng.integers(20 * n, 20 * n + 9, (48, 80), np.uint8)
        )
        lines.append(f'{n}.png,{"liver" if n % 2 else "heart"}')
    (tmp_path / 'index.csv').write_text('\n'.join(lines) + '\n')
    file = tmp_path / 'tiny.py'
    file.write_text(CONFIG.format(root=tmp_path))
    return file


@pytest.fixture
def seen(monkeypatch) -> dict:
    """What the sheet was drawn from."""
    seen = {}

    draw = reconstruction.dataset_panel

    def keep(stored, augmented, masked, labels):
        seen.update(stored=stored, augmented=augmented, masked=masked, labels=labels)
        return draw(stored, augmented, masked, labels)

    monkeypatch.setattr(reconstruction, 'dataset_panel', keep)
    return seen


def test_rows_belong_together(tool, config, tmp_path, seen):
    tool.main([str(config), '--num', '5', '--out', str(tmp_path / 'sheet.png')])
    assert (tmp_path / 'sheet.png').is_file()
    assert seen['augmented'].shape == seen['masked'].shape == (5, 1, 64, 64)
    for stored, augmented, masked, label in zip(*seen.values(), strict=True):
        number = int(stored.mean()) // 20  # images differ in brightness, each in a range of 9
        assert label == ('liver' if number % 2 else 'heart')
        assert int(stored.min()) - 1 <= 255 * augmented.min()
        assert 255 * augmented.max() <= int(stored.max()) + 1
        # Half of the 32-pixel patches, ceil(0.4 * 4) of 4, hold the mean.
        assert (np.abs(masked - augmented.mean()) < 1e-5).mean() >= 0.5


def test_simmim_is_shown_with_black_patches(tool, config, project_root, tmp_path, seen):
    simmim = project_root / 'configs' / 'ablations' / 'pretrain_simmim_us.py'
    arguments = [simmim, '--data-root', tmp_path, '--num', '3', '--out', tmp_path / 'sheet.png']
    tool.main([str(argument) for argument in arguments])
    assert seen['augmented'].shape == (3, 3, 224, 224)
    black = seen['masked'] == 0
    # ceil(0.6 * 49) of the 7 x 7 mask patches, and each whole.
    blocks = black.reshape(3, 3, 7, 32, 7, 32).all((1, 3, 5))
    assert blocks.sum((1, 2)).tolist() == [30] * 3
    np.testing.assert_array_equal(seen['masked'][~black], seen['augmented'][~black])
    for stored, augmented, label in zip(
        seen['stored'], seen['augmented'], seen['labels'], strict=True
    ):
        assert label == ('liver' if int(stored.mean()) // 20 % 2 else 'heart')
        assert 0 < augmented.max() <= 1


def test_other_configs_are_refused(tool, project_root):
    config = project_root / 'configs' / 'usfm' / 'enhance_custom_cyclegan.py'
    with pytest.raises(ValueError, match='enhance_custom_cyclegan.py trains on pairs'):
        tool.main([str(config)])


def test_command_line(config, project_root, tmp_path):
    command = [
        sys.executable,
        str(project_root / 'tools' / 'browse_dataset.py'),
        str(config),
        '--num',
        '2',
        '--cfg-options',
        'train_dataloader.dataset.organs=["liver"]',
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={
            'PYTHONPATH': os.pathsep.join([str(project_root), *sys.path]),
            'PATH': '',
            'HOME': str(tmp_path),
        },
    )
    path = Path(done.stdout.strip().splitlines()[-1])
    assert path == (tmp_path / 'tiny_data.png').resolve()
    height, width = cv2.imread(str(path)).shape[:2]
    assert height < width  # two rows, four columns


def test_num_must_be_positive(tool, config, capsys):
    with pytest.raises(SystemExit):
        tool.main([str(config), '--num', '0'])
    assert '--num must be at least 1' in capsys.readouterr().err
