"""One's own data as people really have it: what it is taken for, and what is asked."""

import csv

import cv2
import numpy as np
import pytest

from support.release_files import image, seg_names
from usfm_mm.commands.prepare_data import main
from usfm_mm.io.image import read_grey

NAMES = [f'case{letter}' for letter in 'abcdefgh']
SHAPE = (40, 50)


def blob(path, value=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros(SHAPE, np.uint8)
    pixels[10:20, 15:40] = value
    cv2.imwrite(str(path), pixels)


def make(source, images, masks, names=NAMES):
    """Images and masks by templates of their paths, such as 'imgs/NAME.png'."""
    for name in names:
        image(source / images.replace('NAME', name), SHAPE)
        blob(source / masks.replace('NAME', name))


def prepared_masks(out):
    return [read_grey(path) for path in sorted((out / 'masks').glob('*.png'))]


@pytest.mark.parametrize(
    ('images', 'masks'),
    [
        ('images/NAME.png', 'masks/NAME.png'),
        ('cropped/NAME.png', 'mask/NAME.png'),
        ('Images/NAME.png', 'Masks/NAME.bmp'),
        ('imgs/NAME.png', 'masks/NAME_mask.png'),
        ('imagesTr/NAME_0000.png', 'labelsTr/NAME.png'),
        ('scans/NAME.png', 'gt/mask_NAME.png'),
        ('a/NAME.png', 'b/NAME_segmentation.tif'),
        ('a/NAME.png', 'b/NAME.png'),  # only to the eye
        ('NAME.png', 'NAME_mask.png'),  # beside each other
    ],
)
def test_images_and_masks_are_no_classes(tmp_path, capsys, images, masks):
    make(tmp_path / 'own', images, masks)
    main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])
    assert 'Understood: segmentation, 1 structure (foreground).' in ' '.join(
        capsys.readouterr().out.split()
    )
    assert sum(map(len, seg_names(tmp_path / 'out').values())) == len(NAMES)
    for pixels in prepared_masks(tmp_path / 'out'):
        assert sorted(np.unique(pixels)) == [0, 1]
        assert pixels[12, 20] == 1


def test_splits_by_name(tmp_path):
    for split in ('train', 'test'):
        names = [f'{split}{letter}' for letter in 'abcdef']
        make(tmp_path / 'own', f'{split}/NAME.png', f'{split}_masks/NAME.png', names)
    main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])
    assert {name.split('_')[-1] for name in seg_names(tmp_path / 'out')['test']} == {
        f'test{letter}' for letter in 'abcdef'
    }


def test_capitals_and_classes(tmp_path, capsys):
    for split in ('Train', 'Test'):
        for label in ('one', 'two'):
            for n in 'abcd':
                image(tmp_path / 'own' / split / label / f'{split}{label}{n}.png', SHAPE)
    main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])
    out = ' '.join(capsys.readouterr().out.split())
    assert 'Understood: classification, 2 classes (one, two).' in out


def test_equal_names_and_sizes_are_no_classes(tmp_path):
    for label in ('left', 'right'):
        for name in NAMES:
            image(tmp_path / 'own' / label / f'{name}.png', SHAPE)
    with pytest.raises((ValueError, OSError), match='files of the same names and sizes'):
        main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])


def test_the_ending_of_masks_is_taken(tmp_path):
    make(tmp_path / 'own', 'NAME.png', 'NAME_xy.png')
    main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out'), '--mask-suffix', '_xy'])
    assert len(prepared_masks(tmp_path / 'out')) == len(NAMES)


def test_one_structure_of_255_with_its_name(tmp_path):
    make(tmp_path / 'own', 'images/NAME.png', 'masks/NAME.png')
    main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out'), '--classes', 'nodule'])
    assert all(sorted(np.unique(pixels)) == [0, 1] for pixels in prepared_masks(tmp_path / 'out'))


def test_names_that_seem_to_tell_patients_are_asked_about(tmp_path):
    names = [f'{100 + n // 2}_{n % 2 + 1}' for n in range(12)]
    make(tmp_path / 'own', 'images/NAME.png', 'masks/NAME.png', names)
    arguments = ['folder', str(tmp_path / 'own'), str(tmp_path / 'out')]
    with pytest.raises((ValueError, OSError), match=r'makes 6 patients of 12 images') as error:
        main(arguments)
    assert not (tmp_path / 'out').exists()
    pattern = str(error.value).split("--patients '")[1].split("'")[0]
    main([*arguments, '--patients', pattern])
    with (tmp_path / 'out' / 'index.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    splits = {}
    for row in rows:
        splits.setdefault(row['patient'], set()).add(row['split'])
    assert len(splits) == 6
    assert all(len(found) == 1 for found in splits.values())


def test_a_table_of_patients_and_labels_beside_masks(tmp_path, capsys):
    make(tmp_path / 'own', 'images/NAME.png', 'masks/NAME.png')
    lines = [f'{name}.png,p{i // 2},{"ab"[i % 2]}' for i, name in enumerate(NAMES)]
    table = tmp_path / 'own' / 'table.csv'
    table.write_text('\n'.join(['File,Patient,Label', *lines]))
    arguments = ['folder', str(tmp_path / 'own'), str(tmp_path / 'out')]
    main(arguments)
    assert 'table.csv tells patient, label: --table' in ' '.join(capsys.readouterr().out.split())
    main([*arguments[:2], str(tmp_path / 'told'), '--table', str(table)])
    shown = ' '.join(capsys.readouterr().out.split())
    assert 'segmentation, 1 structure (foreground) and classification, 2 classes (a, b)' in shown
    with (tmp_path / 'told' / 'index.csv').open(newline='') as file:
        assert {row['patient'] for row in csv.DictReader(file)} == {'p0', 'p1', 'p2', 'p3'}


def test_a_training_and_a_validation_set_alone(tmp_path):
    for split in ('train', 'val'):
        make(tmp_path / 'own' / split, 'images/NAME.png', 'masks/NAME.png')
    with pytest.raises((ValueError, OSError), match=r'train/ and val/ but no test/: add it'):
        main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])


@pytest.mark.parametrize('roots', [('images', 'masks'), ('img_dir', 'ann_dir')])
def test_splits_within_images_and_masks(tmp_path, capsys, roots):
    images, masks = roots
    for split in ('train', 'val', 'test'):
        names = [f'{split}{letter}' for letter in 'abcd']
        make(tmp_path / 'own', f'{images}/{split}/NAME.png', f'{masks}/{split}/NAME.png', names)
    main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])
    found = seg_names(tmp_path / 'out')
    for split in ('train', 'val', 'test'):
        assert found[split] == {f'{split}_{split}{letter}' for letter in 'abcd'}
    shown = ' '.join(capsys.readouterr().out.split())
    assert f'masks in {masks}/train/ as NAME. ' in shown
    for path in (tmp_path / 'own' / masks / 'test').iterdir():
        path.unlink()
    with pytest.raises(ValueError, match=rf'{images}/test has no masks .*/{masks}: put them into'):
        main(['folder', str(tmp_path / 'own'), str(tmp_path / 'again')])
    (tmp_path / 'own' / images / 'test').rename(tmp_path / 'own' / images / 'other')
    with pytest.raises(ValueError, match=r'train/ and val/ but no test/: add it'):
        main(['folder', str(tmp_path / 'own'), str(tmp_path / 'again')])


def test_a_pattern_of_digits_alone_and_one_that_does_not_fit(tmp_path):
    names = [f'{100 + n // 2}_{n % 2 + 1}' for n in range(12)]
    make(tmp_path / 'own', 'images/NAME.png', 'masks/NAME.png', names)
    arguments = ['folder', str(tmp_path / 'own'), str(tmp_path / 'out')]
    with pytest.raises(ValueError, match=r"^--patients '\^p\\d\+' finds no patient .* correct it"):
        main([*arguments, '--patients', r'^p\d+'])
    main([*arguments, '--patients', r'^\d+'])
    with (tmp_path / 'out' / 'index.csv').open(newline='') as file:
        assert {row['patient'] for row in csv.DictReader(file)} == {str(100 + n) for n in range(6)}


def test_masks_of_other_names_are_not_dropped(tmp_path):
    for i, name in enumerate(NAMES):
        image(tmp_path / 'own' / 'images' / f'{name}.png', SHAPE)
        blob(tmp_path / 'own' / 'masks' / f'z{i}.png')
    with pytest.raises(
        (ValueError, OSError), match='seems to hold masks, but their names fit those of no'
    ):
        main(['folder', str(tmp_path / 'own'), str(tmp_path / 'out')])
