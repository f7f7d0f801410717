"""Volumes with masks beside them, written by nibabel and SimpleITK, and wrong ones."""

import numpy as np
import pytest

nib = pytest.importorskip('nibabel')
sitk = pytest.importorskip('SimpleITK')

from support.annotated import NAMES, SHAPE, images, prepare, printed, two_structures
from usfm_mm.io.image import read_grey

LABELS = ('--classes', 'liver', 'cyst')


def write(path, slices):
    """Slices [N, H, W] or a picture [H, W], as x, y, z."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.mha':
        sitk.WriteImage(sitk.GetImageFromArray(slices), str(path))
    else:
        nib.save(nib.Nifti1Image(slices.T, np.eye(4)), path)


def stacks(number):
    mask = np.stack([two_structures(number + k) for k in range(3)])
    pixels = np.random.default_rng(number).integers(0, 256, mask.shape, np.uint8)
    return pixels, mask


@pytest.mark.parametrize(
    ('image', 'mask'),
    [
        ('NAME.nii.gz', 'NAME_gt.nii.gz'),
        ('images/NAME.mha', 'masks/NAME.mha'),
        ('NAME/scan.nii', 'NAME/scan_seg.nii'),  # the same names in every folder
    ],
)
def test_slices(tmp_path, capsys, image, mask):
    for i, name in enumerate(NAMES):
        for path, array in zip((image, mask), stacks(i), strict=True):
            write(tmp_path / 'own' / path.replace('NAME', name), array)
    found = prepare('folder', tmp_path / 'own', tmp_path / 'out', *LABELS)
    assert 'Read as volumes with masks (usfm prepare volumes)' in printed(capsys)
    assert len(found) == 3 * len(NAMES)
    for i, name in enumerate(NAMES):
        pixels, masks = stacks(i)
        for k in range(3):
            stem = f'{name}_scan_{k}' if 'scan' in image else f'{name}_{k}'
            np.testing.assert_array_equal(found[stem], masks[k])
            written = read_grey(tmp_path / f'out/images/{stem}.png')
            np.testing.assert_array_equal(written, pixels[k])


@pytest.mark.parametrize('ending', ['.nii.gz', '.mha'])
def test_masks_of_pictures(tmp_path, ending):
    for i, path in enumerate(images(tmp_path / 'own')):
        write(path.with_name(path.stem + ending), two_structures(i))
    found = prepare('folder', tmp_path / 'own', tmp_path / 'out', *LABELS)
    for i, name in enumerate(NAMES):
        np.testing.assert_array_equal(found[name], two_structures(i))


@pytest.fixture
def source(tmp_path):
    for i, name in enumerate(NAMES):
        for path, array in zip((f'{name}.mha', f'{name}_seg.mha'), stacks(i), strict=True):
            write(tmp_path / 'own' / path, array)
    return tmp_path / 'own'


WRONG = {
    'no mask': (lambda s: (s / 'caseb_seg.mha').unlink(), r'caseb.mha has no mask: add it'),
    'no image': (lambda s: (s / 'caseb.mha').unlink(), r'caseb_seg.mha is the mask of no image'),
    'class unknown': (
        lambda s: write(s / 'caseb_seg.mha', np.full((3, *SHAPE), 3, np.uint8)),
        r'caseb_seg.mha, slice 0: the value 3 is not one of the classes \(0, 1, 2\)',
    ),
    'another size': (
        lambda s: write(s / 'caseb_seg.mha', np.zeros((3, 40, 51), np.uint8)),
        r'caseb_seg.mha has 51×40×3 voxels, its image .*caseb.mha 50×40×3',
    ),
    'damaged': (
        lambda s: (s / 'caseb.mha').write_bytes((s / 'caseb.mha').read_bytes()[:500]),
        r'caseb.mha is not read: truncated',
    ),
    'voxels elsewhere': (
        lambda s: (s / 'caseb.mha').write_bytes(
            (s / 'caseb.mha').read_bytes().replace(b'LOCAL', b'../x.raw')
        ),
        r'caseb.mha is not read: .*names a file that is not beside it',
    ),
}


@pytest.mark.parametrize('wrong', WRONG)
def test_wrong_ones_are_named(source, tmp_path, wrong):
    change, message = WRONG[wrong]
    change(source)
    with pytest.raises(ValueError, match=message):
        prepare('volumes', source, tmp_path / 'out', *LABELS)


def test_several_values_without_names(source, tmp_path):
    with pytest.raises(ValueError, match=r'casea_seg.mha has the values 0, 1, 2: name'):
        prepare('volumes', source, tmp_path / 'out')
