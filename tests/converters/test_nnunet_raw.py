"""nnU-Net's raw data: pictures, volumes by nibabel, channels, regions, folds; and wrong ones."""

import json

import numpy as np
import pytest
from PIL import Image

from support.annotated import NAMES, SHAPE, index_rows, prepare, printed, two_structures
from support.release_files import image

LABELS = {'background': 0, 'liver': 1, 'cyst': 2}


def describe(source, labels=LABELS, ending='.png', channels=('ultrasound',), **more):
    about = {
        'channel_names': {str(i): name for i, name in enumerate(channels)},
        'labels': labels,
        'numTraining': len(NAMES),
        'file_ending': ending,
    }
    (source / 'dataset.json').write_text(json.dumps(about | more))


def case(source, name, mask, part='Tr', channels=1):
    for channel in range(channels):
        image(source / f'images{part}' / f'{name}_{channel:04d}.png', SHAPE)
    path = source / f'labels{part}' / f'{name}.png'
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(mask).save(path)


@pytest.fixture
def source(tmp_path):
    own = tmp_path / 'Dataset501_own'
    for i, name in enumerate(NAMES):
        case(own, name, two_structures(i), 'Ts' if i > 5 else 'Tr')
    describe(own)
    return own


@pytest.mark.parametrize('kind', ['nnunet', 'folder'])
def test_pictures(source, tmp_path, capsys, kind):
    found = prepare(kind, source, tmp_path / 'out')
    shown = printed(capsys)
    assert 'Read as nnU-Net raw data (usfm prepare nnunet); 0 background, 1 liver, 2 cyst.' in shown
    assert list(found) == NAMES
    for i, name in enumerate(NAMES):
        np.testing.assert_array_equal(found[name], two_structures(i))
    splits = {name: row['split'] for name, row in index_rows(tmp_path / 'out').items()}
    assert [splits[name] for name in NAMES[6:]] == ['test', 'test']
    assert sorted(splits[name] for name in NAMES[:6])[-1] == 'val'


def test_folds(source, tmp_path, capsys):
    folds = [{'train': NAMES[2:6], 'val': NAMES[:2]}, {'train': NAMES[:4], 'val': NAMES[4:6]}]
    (source / 'splits_final.json').write_text(json.dumps(folds))
    prepare('nnunet', source, tmp_path / 'out')
    assert 'Train and val are fold 0 of 2 of splits_final.json.' in printed(capsys)
    rows = index_rows(tmp_path / 'out')
    assert [rows[name]['split'] for name in NAMES] == ['val'] * 2 + ['train'] * 4 + ['test'] * 2
    folds[0]['val'].append('nobody')
    (source / 'splits_final.json').write_text(json.dumps(folds))
    with pytest.raises(ValueError, match=r'splits_final.json: fold 0: nobody is not in imagesTr'):
        prepare('nnunet', source, tmp_path / 'other')


def test_several_channels_regions_and_what_is_ignored(tmp_path, capsys):
    masks = {}
    for i, name in enumerate(NAMES):
        masks[name] = two_structures(i)
        masks[name][0, :7] = 3
        case(tmp_path / 'own', name, masks[name], channels=2)
    labels = {'background': 0, 'whole': [1, 2], 'core': 2, 'ignore': 3}
    describe(tmp_path / 'own', labels, channels=('B', 'Doppler'), regions_class_order=[1, 2])
    found = prepare('folder', tmp_path / 'own', tmp_path / 'out')
    shown = printed(capsys)
    assert 'Of the channels B, Doppler the first is taken.' in shown
    assert 'each pixel has the class of its value: 1 whole, 2 core.' in shown
    assert 'Pixels of the label "ignore" are left out (255).' in shown
    for name, mask in masks.items():
        np.testing.assert_array_equal(found[name], np.where(mask == 3, 255, mask))
    with Image.open(tmp_path / 'own/imagesTr/casea_0000.png') as first:
        wanted = np.asarray(first)
    with Image.open(tmp_path / 'out/images/casea.png') as written:
        np.testing.assert_array_equal(np.asarray(written), wanted)


def volumes(source, depth=3, ending='.nii.gz'):
    """Cases of several slices, written by nibabel: [x, y, z] of what is [y, x] in a slice."""
    nib = pytest.importorskip('nibabel')
    pytest.importorskip('SimpleITK')
    rng = np.random.default_rng(0)
    made = {}
    for part in ('images', 'labels'):
        (source / f'{part}Tr').mkdir(parents=True)
    for i, name in enumerate(NAMES[:6]):
        pixels = rng.integers(0, 256, (depth, *SHAPE), np.uint8)
        mask = np.stack([two_structures(i + k) for k in range(depth)])
        made[name] = pixels, mask
        for path, array in (
            (f'imagesTr/{name}_0000{ending}', pixels),
            (f'labelsTr/{name}{ending}', mask),
        ):
            nib.save(
                nib.Nifti1Image(array.transpose(2, 1, 0), np.diag([2, 2, 3, 1])), source / path
            )
    describe(source, ending=ending)
    return made


@pytest.mark.parametrize('depth', [1, 3])
def test_volumes_become_slices_of_one_patient(tmp_path, depth):
    made = volumes(tmp_path / 'own', depth)
    found = prepare('folder', tmp_path / 'own', tmp_path / 'out')
    rows = index_rows(tmp_path / 'out')
    assert len(found) == 6 * depth
    for name, (pixels, mask) in made.items():
        for k in range(depth):
            stem = name if depth == 1 else f'{name}_{k}'
            np.testing.assert_array_equal(found[stem], mask[k])
            with Image.open(tmp_path / f'out/images/{stem}.png') as written:
                np.testing.assert_array_equal(np.asarray(written), pixels[k])
        assert len({rows[s]['split'] for s in rows if s.startswith(name)}) == 1


def test_a_volume_that_lies_otherwise(tmp_path):
    nib = pytest.importorskip('nibabel')
    volumes(tmp_path / 'own')
    path = tmp_path / 'own/labelsTr/caseb.nii.gz'
    turned = np.diag([-2, 2, 3, 1])
    nib.save(nib.Nifti1Image(np.asarray(nib.load(path).dataobj), turned), path)
    with pytest.raises(ValueError, match=r'caseb.nii.gz lies otherwise in space than its image'):
        prepare('nnunet', tmp_path / 'own', tmp_path / 'out')


WRONG = {
    'no image': (
        lambda s: (s / 'imagesTr/caseb_0000.png').unlink(),
        r'labelsTr/caseb.png has no image caseb_0000.png in .*imagesTr',
    ),
    'no label': (
        lambda s: (s / 'labelsTr/caseb.png').unlink(),
        r'imagesTr/caseb_0000.png has no label caseb.png in .*labelsTr',
    ),
    'class unknown': (
        lambda s: describe(s, {'background': 0, 'liver': 1}),
        r'labelsTr/casea.png has the value 2, but only 0 to 1',
    ),
    'another size': (
        lambda s: Image.fromarray(np.zeros((40, 51), np.uint8)).save(s / 'labelsTr/casec.png'),
        r'labelsTr/casec.png is 51×40 pixels, its image 50×40',
    ),
    'a channel missing': (
        lambda s: describe(s, channels=('B', 'Doppler')),
        r'dataset.json: case casea has 1 images, but 2 channels are declared',
    ),
    'damaged': (
        lambda s: (s / 'dataset.json').write_text('{"labels": "channel_names"'),
        r'dataset.json is damaged',
    ),
    'version 1': (
        lambda s: describe(s, {'0': 'background', '1': 'liver'}),
        r'dataset.json: labels have to be NAME: NUMBER, as in version 2',
    ),
    'a gap': (
        lambda s: describe(s, {'background': 0, 'liver': 2}),
        r'numbered 0 \(background\), 1, 2, … without gaps',
    ),
    'a path that leads out': (
        lambda s: describe(s, dataset={'x': {'images': ['../../x.png'], 'label': 'x.png'}}),
        r"dataset.json: dataset: x: '../../x.png' lies outside of",
    ),
    'one name twice': (
        lambda s: case(s, 'casea', two_structures(0), 'Ts'),
        r'imagesTs/casea_0000.png: imagesTr has casea, too',
    ),
}


@pytest.mark.parametrize('wrong', WRONG)
def test_wrong_ones_are_named(source, tmp_path, wrong):
    change, message = WRONG[wrong]
    change(source)
    with pytest.raises(ValueError, match=message):
        prepare('nnunet', source, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
