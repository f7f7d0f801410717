"""Masks whose classes are colours, as RGB, RGBA or palette, in the formats that people have."""

import numpy as np
import pytest
from PIL import Image

from support.annotated import NAMES, SHAPE, images, prepare, printed, two_structures

# Class 1 is red and class 2 green; in their order as numbers, green (#00ff00) comes first.
PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint8)
SWAPPED = np.array([0, 2, 1])


def save(path, mask, mode):
    if mode == 'P':
        image = Image.fromarray(mask)
        image.putpalette(PALETTE.ravel().tolist())
    else:
        image = Image.fromarray(PALETTE[mask]).convert(mode)
        if mode == 'RGBA':
            image.putalpha(Image.fromarray(np.uint8(255 * (mask > 0))))
    image.save(path)


def own(folder, mode, ending):
    images(folder / 'images')
    (folder / 'masks').mkdir()
    for i, name in enumerate(NAMES):
        save(folder / 'masks' / f'{name}{ending}', two_structures(i), mode)
    return folder


@pytest.mark.parametrize(
    ('mode', 'ending'),
    [('RGB', '.png'), ('RGB', '_mask.bmp'), ('RGBA', '.tif'), ('P', '_seg.png'), ('P', '.gif')],
)
def test_colours_become_classes_and_that_is_said(tmp_path, capsys, mode, ending):
    found = prepare('folder', own(tmp_path / 'own', mode, ending), tmp_path / 'out')
    shown = printed(capsys)
    assert 'Colours of the masks: #00ff00 is 1 #00ff00, #ff0000 is 2 #ff0000.' in shown
    assert 'Understood: segmentation, 2 structures (#00ff00, #ff0000).' in shown
    for i, name in enumerate(NAMES):
        np.testing.assert_array_equal(found[name], SWAPPED[two_structures(i)])


def test_names_in_the_order_of_the_colours(tmp_path, capsys):
    source = own(tmp_path / 'own', 'RGB', '.png')
    prepare('folder', source, tmp_path / 'out', '--classes', 'cyst', 'liver')
    assert '#00ff00 is 1 cyst, #ff0000 is 2 liver.' in printed(capsys)
    with pytest.raises(ValueError, match='have the colours #00ff00, #ff0000, but --classes has 3'):
        prepare('folder', source, tmp_path / 'other', '--classes', 'a', 'b', 'c')


def test_one_name_joins_all_colours(tmp_path):
    source = own(tmp_path / 'own', 'RGB', '.png')
    found = prepare('folder', source, tmp_path / 'out', '--classes', 'lesion')
    np.testing.assert_array_equal(found['casea'], two_structures(0) > 0)


def test_a_smoothed_mask_is_refused(tmp_path):
    source = own(tmp_path / 'own', 'RGB', '.png')
    noise = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)
    Image.fromarray(noise).save(source / 'masks/caseb.png')
    with pytest.raises(ValueError, match=r'caseb.png has \d+ colours: masks have one for each'):
        prepare('folder', source, tmp_path / 'out')
