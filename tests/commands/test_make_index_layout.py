"""What is no folder of an organ, and where the index cannot be written."""

import errno
import tempfile

import numpy as np
import pytest

from usfm_mm.commands.make_index import main
from usfm_mm.curation import make_index as module
from usfm_mm.io.image import encode_png
from usfm_mm.io.index import read_index


def write(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        level = len(list(root.rglob('*.png')))
        (root / path).write_bytes(encode_png(np.full((20, 30), level, np.uint8)))


def run(*arguments):
    main([str(argument) for argument in arguments] + ['--workers', '1'])


@pytest.mark.parametrize(
    ('images', 'masks'),
    [('images', 'masks'), ('cropped', 'mask'), ('imgs', 'gt'), ('imagesTr', 'labelsTr')]
    + [('train', 'train_masks'), ('img_dir', 'ann_dir')],
)
def test_masks_are_no_organ(tmp_path, images, masks):
    write(tmp_path, f'{images}/1.png', f'{masks}/1.png')
    with pytest.raises(
        ValueError, match=rf'{masks} seems to hold masks.*"usfm prepare folder .*--ex'
    ):
        run(tmp_path)
    assert not (tmp_path / 'index.parquet').exists()


@pytest.mark.parametrize('name', ['images', 'Imgs', 'train', 'Test', 'imagesTs', 'validation'])
def test_parts_of_a_data_set_are_no_organ(tmp_path, name):
    write(tmp_path, f'{name}/1.png', 'liver/2.png')
    with pytest.raises(
        ValueError, match=rf'{name} is named like a part of a data set, .*its organ'
    ):
        run(tmp_path)
    run(tmp_path, '--pattern', r'(?P<organ>\w+)/')  # who says so means it
    assert set(read_index(tmp_path)['organ'].to_pylist()) == {name, 'liver'}


def test_masks_that_are_left_out_do_not_count(tmp_path):
    write(tmp_path, 'liver/1.png', 'masks/1.png')
    run(tmp_path, '--exclude', '^masks/')
    assert read_index(tmp_path)['path'].to_pylist() == ['liver/1.png']


def test_masks_beside_images_are_left_out_however_they_are_named(tmp_path, capsys):
    masks = ['1_mask_2', '1_Mask', 'mask_1', '1_segmentation', '1_seg', '1_gt', '1_Annotation']
    write(tmp_path, 'liver/1.png', *(f'liver/{name}.png' for name in masks))
    run(tmp_path)
    assert read_index(tmp_path)['path'].to_pylist() == ['liver/1.png']
    assert '7 images left out by --exclude' in capsys.readouterr().out


def test_a_root_that_is_read_only_is_said_before_the_work(tmp_path, monkeypatch):
    write(tmp_path / 'data', 'liver/1.png')
    make_one = tempfile.TemporaryFile

    def read_only(*args, dir, **kwargs):
        if str(dir) == str(tmp_path / 'data'):
            raise OSError(errno.EROFS, 'Read-only file system')
        return make_one(*args, dir=dir, **kwargs)

    monkeypatch.setattr(tempfile, 'TemporaryFile', read_only)
    verify = module.verify
    monkeypatch.setattr(module, 'verify', None)  # not called
    with pytest.raises(OSError, match=r'data cannot be written to \(Read-only.*with --out'):
        run(tmp_path / 'data')
    monkeypatch.setattr(module, 'verify', verify)
    run(tmp_path / 'data', '--out', tmp_path / 'index')
    assert (tmp_path / 'index' / 'index.parquet').is_file()


def test_a_prepared_set_is_told_how_to_use_it(tmp_path):
    write(tmp_path, 'images/1.png', 'masks/1.png')
    (tmp_path / 'splits').mkdir()
    (tmp_path / 'dataset.json').write_text('{}')
    with pytest.raises(ValueError, match='is a prepared data set, .*train on it as it is'):
        run(tmp_path)
