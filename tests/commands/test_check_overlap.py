"""One data set whose training images must not be like its others."""

import csv

import cv2
import numpy as np
import pyarrow as pa
import pytest

from usfm_mm.__main__ import run
from usfm_mm.commands.check_overlap import main
from usfm_mm.io.image import encode_png
from usfm_mm.io.index import write_index


def picture(seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12), np.uint8)
    return cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def root(tmp_path):
    """Four images for training, one of them brighter in the test; two alike within training."""
    pictures = {name: picture(name) for name in range(5)}
    pictures[5] = cv2.convertScaleAbs(pictures[1], alpha=0.9, beta=12)
    pictures[3] = pictures[0]
    for name, image in pictures.items():
        (tmp_path / f'{name}.png').write_bytes(encode_png(image))
    splits = ['train', 'train', 'train', 'train', 'val', 'test']
    write(tmp_path, {f'{name}.png': split for name, split in enumerate(splits)})
    return tmp_path


def write(root, splits):
    columns = dict(path=list(splits), organ=['x'] * len(splits), split=list(splits.values()))
    write_index(pa.table(columns), root / 'index.parquet')


def check(root, *more):
    with pytest.raises(SystemExit) as end:
        run('check_overlap', [str(root), '--out', str(root / 'o.csv'), '--workers', '1', *more])
    return end.value.code


def test_an_image_of_the_test_in_training_is_one_line_and_status_1(root, capsys):
    assert check(root) == 1
    told = capsys.readouterr()
    assert told.err.count('\n') == 1
    assert told.err.startswith(f'error: {root}: 1 images of other splits are like training images')
    assert 'such as 5.png like 1.png: "usfm index ... --leave-out ' in told.err
    assert f'{root}, train: 4 compared, 0 not read' in told.out
    assert f'{root}, others: 2 compared, 0 not read' in told.out
    with (root / 'o.csv').open() as file:
        assert [(row['a'], row['b']) for row in csv.DictReader(file)] == [('1.png', '5.png')]


def test_without_it_all_is_well(root, capsys):
    splits = {'0.png': 'train', '2.png': 'train', '3.png': 'train', '4.png': 'val', '5.png': 'test'}
    write(root, splits)
    assert check(root) == 0
    assert capsys.readouterr().err == ''


def test_where_splits_are_not_told_there_is_nothing_to_compare(root):
    write(root, {'0.png': 'train', '1.png': 'train'})
    with pytest.raises(ValueError, match='has not both training images and others'):
        main([str(root)])
    write_index(pa.table(dict(path=['0.png'], organ=['x'])), root / 'index.parquet')
    with pytest.raises(ValueError, match='has not both training images and others'):
        main([str(root)])
    with pytest.raises(FileNotFoundError, match='no index of images'):
        main([str(root / '0.png')])
