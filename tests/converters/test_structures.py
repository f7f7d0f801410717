"""Masks with a file for each structure, in folders or by endings."""

import numpy as np
import pytest
from PIL import Image

from support.annotated import NAMES, SHAPE, images, prepare, printed, two_structures

CLASSES = ('cyst', 'liver')


def write(path, mask):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.uint8(255 * mask)).save(path)


@pytest.fixture(params=['masks/STRUCTURE/NAME.png', 'masks/NAME_STRUCTURE.png'])
def source(tmp_path, request):
    images(tmp_path / 'own/images')
    for i, name in enumerate(NAMES):
        for value, structure in enumerate(CLASSES, start=1):
            mask = two_structures(i) == value
            if mask.any() or value == 1:
                path = request.param.replace('STRUCTURE', structure).replace('NAME', name)
                write(tmp_path / 'own' / path, mask)
    return tmp_path / 'own'


@pytest.mark.parametrize('kind', ['structures', 'folder'])
def test_each_file_is_a_class(source, tmp_path, capsys, kind):
    found = prepare(kind, source, tmp_path / 'out')
    assert '(usfm prepare structures); 0 background, 1 cyst, 2 liver.' in printed(capsys)
    for i, name in enumerate(NAMES):
        np.testing.assert_array_equal(found[name], two_structures(i))
    found = prepare(kind, source, tmp_path / 'other', '--classes', 'liver', 'cyst')
    np.testing.assert_array_equal(found['casea'], np.array([0, 2, 1])[two_structures(0)])


def test_wrong_ones_are_named(source, tmp_path):
    with pytest.raises(ValueError, match="class 'liver' is not one of those given"):
        prepare('structures', source, tmp_path / 'out', '--classes', 'cyst', 'lung')
    (source / 'images/caseb.png').rename(tmp_path / 'caseb.png')
    with pytest.raises(ValueError, match=r'caseb.*png is the mask of no image'):
        prepare('structures', source, tmp_path / 'out')
    (tmp_path / 'caseb.png').rename(source / 'images/caseb.png')
    images(source / 'images', ['alone'])
    with pytest.raises(ValueError, match=r'alone.png has no mask of any structure'):
        prepare('structures', source, tmp_path / 'out')


def test_numbered_masks_of_one_structure_are_joined(tmp_path):
    for name in NAMES:
        images(tmp_path / 'own', [name])
        for k, ending in enumerate(('_mask', '_mask_1')):
            mask = np.zeros(SHAPE, bool)
            mask[5 + 20 * k : 15 + 20 * k, 10:20] = True
            write(tmp_path / 'own' / f'{name}{ending}.png', mask)
    found = prepare('folder', tmp_path / 'own', tmp_path / 'out')
    assert found['casea'][[7, 27], 15].tolist() == [1, 1]
    assert found['casea'].sum() == 200
