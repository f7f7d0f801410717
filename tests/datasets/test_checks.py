"""Hand-made data with what can be wrong in them, one fault after the other."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from support.release_files import image, mask
from support.two_ranks import on_two_ranks
from usfm_mm.__main__ import run
from usfm_mm.config.options import set_data_root
from usfm_mm.datasets.checks import check_data, find_problems

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = dict(seg='configs/usfm/seg_custom_upernet.py', cls='configs/usfm/cls_custom_linear.py')
SHAPE = (12, 16)


@pytest.fixture
def data(tmp_path):
    """Six images; both classes in each list."""
    root = tmp_path / 'data'
    (root / 'splits').mkdir(parents=True)
    for split in ('train', 'val', 'test'):
        for i in range(2):
            image(root / 'images' / f'{split}{i}.png', SHAPE)
            mask(root / 'masks' / f'{split}{i}.png', (2, 5, 3, 7), 1, SHAPE)
        (root / 'splits' / f'seg_{split}.txt').write_text(f'{split}0\n{split}1\n')
        (root / 'splits' / f'cls_{split}.txt').write_text(f'{split}0.png 0\n{split}1.png 1\n')
    return root


def config(data, task):
    cfg = Config.fromfile(ROOT / CONFIGS[task])
    cfg.train_dataloader.batch_size = 2
    set_data_root(cfg, str(data))
    return cfg


def check(data, task, splits=('train', 'val')):
    """Errors and warnings."""
    errors, warnings = [], []
    find_problems(config(data, task), splits, errors, warnings)
    return errors, warnings


def write(path, text):
    path.write_text(text)


def empty_masks(data, split, value=0):
    for i in range(2):
        mask(data / 'masks' / f'{split}{i}.png', (2, 5, 3, 7), value, SHAPE)


@pytest.mark.parametrize('task', ['seg', 'cls'])
def test_good_data_pass(data, task):
    assert check(data, task, ('train', 'val', 'test')) == ([], [])
    check_data(config(data, task), ('train', 'val'))


def test_what_is_left_out_and_what_a_mask_may_be_saved_as(data):
    array = np.zeros(SHAPE, np.uint8)
    array[3:6], array[8:] = 1, 255
    Image.fromarray(array).save(data / 'masks' / 'train0.png')
    palette = Image.fromarray(array, mode='P')
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(data / 'masks' / 'train1.png')
    Image.fromarray(array == 1).save(data / 'masks' / 'val0.png')  # one bit
    assert check(data, 'seg') == ([], [])


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda r: (r / 'splits' / 'seg_train.txt').unlink(), 'seg_train.txt: no such list; docs/'),
        (lambda r: (r / 'splits' / 'seg_val.txt').unlink(), 'seg_val.txt: no such list; docs/'),
        (lambda r: write(r / 'splits' / 'seg_val.txt', ''), 'seg_val.txt is empty'),
        (
            lambda r: write(r / 'splits' / 'seg_val.txt', 'val0\n\nval1'),
            "seg_val.txt, line 2: '' is not a name without .png",
        ),
        (
            lambda r: write(r / 'splits' / 'seg_val.txt', 'val0.png'),
            "seg_val.txt, line 1: 'val0.png' is not a name without .png",
        ),
        (
            lambda r: write(r / 'splits' / 'seg_val.txt', 'val0\ntrain1'),
            'seg_train.txt and .*seg_val.txt share 1 images, for instance .*train1.png: leave each',
        ),
        (
            lambda r: write(r / 'splits' / 'seg_test.txt', 'test0\ntrain1\ntrain0'),
            'seg_train.txt and .*seg_test.txt share 2 images, for instance .*train0.png',
        ),
        (lambda r: (r / 'images' / 'val0.png').unlink(), 'images/val0.png: file is missing; add'),
        (lambda r: (r / 'masks' / 'val0.png').unlink(), 'masks/val0.png: file is missing; add'),
        (
            lambda r: (r / 'images' / 'val0.png').write_bytes(
                (r / 'images' / 'val0.png').read_bytes()[:90]
            ),
            r'images/val0.png: PNG is truncated \(no end mark\); add or repair it',
        ),
        (lambda r: write(r / 'images' / 'val0.png', 'text'), 'images/val0.png: cannot identify'),
        (lambda r: write(r / 'masks' / 'val0.png', ''), 'masks/val0.png: file is empty'),
        (
            lambda r: mask(r / 'masks' / 'val1.png', None, shape=(8, 9)),
            'masks/val1.png is 9×8 pixels, its image 16×12: a mask has the size of its image',
        ),
        (
            lambda r: mask(r / 'masks' / 'val1.png', (2, 5, 3, 7), 1, SHAPE, 'RGB'),
            'masks/val1.png is coloured',
        ),
        (
            lambda r: mask(r / 'masks' / 'val1.png', (2, 5, 3, 7), 2, SHAPE),
            'masks/val1.png has the value 2, but only 0 to 1 are declared and 255 is left out',
        ),
        (
            lambda r: Image.fromarray(np.full(SHAPE, 257, np.uint16)).save(
                r / 'masks' / 'val1.png'
            ),
            'masks/val1.png has the value 257, but only',
        ),
        (lambda r: empty_masks(r, 'train'), 'all masks of .*seg_train.txt are empty: the grey le'),
        (lambda r: empty_masks(r, 'val'), 'all masks of .*seg_val.txt are empty'),
        (
            lambda r: empty_masks(r, 'train', 255),
            'masks of .*seg_train.txt hold only 0 and 255, and 255 is left out: save them with 1',
        ),
    ],
)
def test_segmentation(data, damage, message):
    damage(data)
    with pytest.raises(ValueError, match=f'check_data=False skips this check.*\n.*{message}'):
        check_data(config(data, 'seg'), ('train', 'val'))
    assert len(check(data, 'seg')[0]) == 1


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda r: (r / 'splits' / 'cls_train.txt').unlink(), 'cls_train.txt: no such list; docs/'),
        (
            lambda r: write(r / 'splits' / 'cls_val.txt', 'val0.png 0\nval1.png'),
            r'cls_val.txt, line 2: .val1.png. is not "NAME.png 0", the number below 2',
        ),
        (
            lambda r: write(r / 'splits' / 'cls_val.txt', 'val0.png 0\nval1.png 2'),
            "line 2: 'val1.png 2' is not",
        ),
        (lambda r: write(r / 'splits' / 'cls_val.txt', 'val0.png -1'), "1: 'val0.png -1' is not"),
        (lambda r: write(r / 'splits' / 'cls_val.txt', 'val0.png yes'), "'val0.png yes' is not"),
        (
            lambda r: write(r / 'splits' / 'cls_val.txt', 'val0.png 0\ntrain1.png 1'),
            'cls_train.txt and .*cls_val.txt share 1 images',
        ),
        (lambda r: (r / 'images' / 'val1.png').unlink(), 'images/val1.png: file is missing'),
        (
            lambda r: write(r / 'splits' / 'cls_train.txt', 'train0.png 1\ntrain1.png 1'),
            'cls_train.txt has no image of negative: nothing can be learned from a single class',
        ),
    ],
)
def test_classification(data, damage, message):
    damage(data)
    with pytest.raises(ValueError, match=message):
        check_data(config(data, 'cls'), ('train', 'val'))
    assert len(check(data, 'cls')[0]) == 1


@pytest.mark.parametrize(
    ('task', 'damage', 'message'),
    [
        ('seg', lambda r: empty_masks(r, 'test'), 'all masks of .*seg_test.txt are empty'),
        (
            'cls',
            lambda r: write(r / 'splits' / 'cls_test.txt', 'test0.png 0'),
            'cls_test.txt has no image of positive',
        ),
    ],
)
def test_a_test_set_may_lack_a_class(data, task, damage, message):
    damage(data)
    errors, (warning,) = check(data, task, ('test',))
    assert errors == []
    assert re.search(message, warning)


def test_a_class_that_no_mask_shows_is_a_warning(data):
    cfg = config(data, 'seg')
    cfg.train_dataloader.dataset.metainfo.classes = ('background', 'nerve', 'vessel')
    errors, warnings = [], []
    find_problems(cfg, ('train',), errors, warnings)
    assert errors == []
    assert warnings == [f'the masks of {data}/splits/seg_train.txt never show vessel']


def test_some_masks_with_255_as_foreground_are_a_warning(data):
    mask(data / 'masks' / 'train1.png', (2, 5, 3, 7), 255, SHAPE)
    errors, (warning,) = check(data, 'seg')
    assert errors == []
    assert '1 masks of' in warning
    assert 'train1.png: is 255 their foreground?' in warning


def test_one_list_for_two_splits_is_a_warning(data):
    cfg = config(data, 'seg')
    cfg.test_dataloader.dataset.ann_file = 'splits/seg_val.txt'
    errors, warnings = [], []
    find_problems(cfg, ('test',), errors, warnings)
    assert errors == []
    assert 'is the list of val and of test' in warnings[0]


def test_many_errors_are_ten_lines(data):
    names = [f'no{i}' for i in range(30)]
    write(data / 'splits' / 'seg_train.txt', '\n'.join(names))
    with pytest.raises(ValueError, match='no9.png: file is missing') as caught:
        check_data(config(data, 'seg'), ('train', 'val'))
    assert len(str(caught.value).splitlines()) == 12
    assert str(caught.value).endswith('... and 20 more')


def test_it_can_be_switched_off(data):
    (data / 'masks' / 'val0.png').unlink()
    cfg = config(data, 'seg')
    cfg.check_data = False
    check_data(cfg, ('train', 'val'))


def error_on_a_rank(rank, data):
    try:
        check_data(config(data, 'seg'), ('train', 'val'))
    except ValueError as error:
        return str(error)
    return ''


def test_an_error_reaches_all_ranks(data, free_port):
    (data / 'masks' / 'val0.png').unlink()
    errors = on_two_ranks(error_on_a_rank, free_port, data)
    assert 'masks/val0.png: file is missing' in errors[0]
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    ('tool', 'list_file'), [('train', 'seg_train.txt'), ('test', 'seg_test.txt')]
)
def test_the_tools_stop_before_the_run(data, tmp_path, tool, list_file):
    (data / 'splits' / list_file).unlink()
    checkpoint = tmp_path / 'best.pth'
    checkpoint.touch()
    done = subprocess.run(
        [
            sys.executable,
            f'tools/{tool}.py',
            CONFIGS['seg'],
            *([checkpoint] if tool == 'test' else []),
            '--data-root',
            data,
            '--work-dir',
            tmp_path / 'run',
            '--arch',
            'tiny',
            '--cfg-options',
            'model.backbone.init_cfg=None',
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert f'{list_file}: no such list' in done.stderr.splitlines()[-1]


def test_missing_weights_are_one_line_with_the_ways_out(data, tmp_path):
    options = ['--data-root', data, '--work-dir', tmp_path / 'run', '--batch-size', '2']
    command = [sys.executable, 'tools/train.py', CONFIGS['seg'], *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        'error: checkpoints/USFM_latest.pth: no such weights. The authors offer theirs at '
        'https://github.com/openmedlab/USFM; --weights FILE names others of any layout that is '
        'known (of another encoder --cfg-options model.backbone.init_cfg.checkpoint=FILE), and '
        '--cfg-options model.backbone.init_cfg=None trains without'
    )


def test_no_data_folder_is_one_line_before_anything_is_built(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, folder in (('seg', 'data/custom'), ('cls', 'data/custom')):
        with pytest.raises(SystemExit):
            run('train', [str(ROOT / CONFIGS[name])])
        assert capsys.readouterr().err.splitlines()[-1] == (
            f'error: {folder}: no such folder of data. --data-root names yours, as "usfm prepare" '
            'or, for pre-training, "usfm index" made it'
        )
    assert list(tmp_path.iterdir()) == []


def test_fewer_images_than_a_batch(data):
    cfg = config(data, 'seg')
    cfg.train_dataloader.batch_size = 3
    with pytest.raises(ValueError, match='fewer than a batch of 3: --batch-size 2 or less'):
        check_data(cfg, ('train',))
    cfg.train_dataloader.drop_last = False
    check_data(cfg, ('train',))
