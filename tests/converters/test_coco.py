"""COCO: what pycocotools makes of a file is what is prepared, and wrong files are named."""

import json

import numpy as np
import pytest
from PIL import Image

library = pytest.importorskip('pycocotools.mask')
from pycocotools.coco import COCO

from support.annotated import NAMES, SHAPE, images, index_rows, prepare, printed
from usfm_mm.converters.annotations.rle import decode_runs, runs_of_text

CATEGORIES = [{'id': 7, 'name': 'cyst'}, {'id': 3, 'name': 'liver'}]


def runs(mask, compressed=True):
    made = library.encode(np.asfortranarray(mask.astype(np.uint8)))
    if compressed:
        return {'size': made['size'], 'counts': made['counts'].decode()}
    flat = mask.ravel(order='F').astype(int)
    steps = np.flatnonzero(np.diff(np.concatenate([[0], flat, [2]])))
    return {'size': made['size'], 'counts': np.diff([0, *steps]).tolist()}


def content(names=NAMES, start=0):
    """A polygon of two parts, two kinds of run lengths, a crowd and images with nothing."""
    rng = np.random.default_rng(0)
    entries = [
        {'id': start + i, 'file_name': f'{name}.png', 'height': SHAPE[0], 'width': SHAPE[1]}
        for i, name in enumerate(names)
    ]
    speckle = rng.integers(0, 2, SHAPE).astype(bool)
    box = np.zeros(SHAPE, bool)
    box[2:20, 3:30] = True
    parts = [[5.3, 4.0, 20.6, 5.5, 12.25, 30.75], [30, 30, 45, 31.5, 44.0, 39.0, 31, 38]]
    regions = [(3, parts, 0), (7, runs(speckle[::-1] & box), 0), (7, runs(box, False), 1)]
    annotations = [
        {'id': 10 * i + k, 'image_id': start + i, 'category_id': category, 'iscrowd': crowd}
        | {'segmentation': region}
        for i in range(len(names) - 2)
        for k, (category, region, crowd) in enumerate(regions)
    ]
    return {'images': entries, 'annotations': annotations, 'categories': CATEGORIES}


@pytest.fixture
def source(tmp_path):
    images(tmp_path / 'own/pictures')
    write(tmp_path / 'own', content())
    return tmp_path / 'own'


def write(folder, entries, name='annotations.json'):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(entries))


def expected(path):
    """Masks as pycocotools draws them: crowds first, then large before small."""
    coco = COCO(path)
    values = {3: 1, 7: 2}
    masks = {}
    for entry in coco.dataset['images']:
        mask = np.zeros(SHAPE, np.uint8)
        drawn = [(a['iscrowd'], coco.annToMask(a), a) for a in coco.imgToAnns[entry['id']]]
        for _, area, a in sorted(drawn, key=lambda d: (-d[0], -int(d[1].sum()))):
            mask[area > 0] = values[a['category_id']]
        masks[entry['file_name'].split('/')[-1].split('.')[0]] = mask
    return masks


@pytest.mark.parametrize('kind', ['coco', 'folder'])
def test_masks_are_those_of_pycocotools(source, tmp_path, capsys, kind):
    found = prepare(kind, source, tmp_path / 'out')
    shown = printed(capsys)
    assert 'Read as COCO JSON (usfm prepare coco); 0 background, 1 liver, 2 cyst.' in shown
    assert 'Understood: segmentation, 2 structures (liver, cyst).' in shown
    wanted = expected(source / 'annotations.json')
    assert found.keys() == wanted.keys()
    for name, mask in wanted.items():
        np.testing.assert_array_equal(found[name], mask)
    assert set(np.unique(found['casea'])) == {0, 1, 2}
    assert not found['caseh'].any()


def test_given_classes_set_the_order(source, tmp_path):
    found = prepare('coco', source, tmp_path / 'out', '--classes', 'cyst', 'liver')
    np.testing.assert_array_equal(
        found['casea'], np.array([0, 2, 1])[expected(source / 'annotations.json')['casea']]
    )
    with pytest.raises(ValueError, match=r"annotations.json: class 'cyst' is not one of"):
        prepare('coco', source, tmp_path / 'other', '--classes', 'liver')


def test_splits_of_files_and_folders(tmp_path):
    for split in ('train', 'valid', 'test'):  # as Roboflow has it, with equal names in all
        images(tmp_path / 'own' / split)
        write(tmp_path / 'own' / split, content(), '_annotations.coco.json')
    prepare('folder', tmp_path / 'own', tmp_path / 'out')
    rows = index_rows(tmp_path / 'out')
    assert len(rows) == 24
    assert {rows[f'{s}_casea']['split'] for s in ('train', 'test')} == {'train', 'test'}
    assert rows['valid_casea']['split'] == 'val'


def test_run_lengths_against_pycocotools():
    rng = np.random.default_rng(1)
    for shape in ((1, 1), (3, 200), (97, 64)):
        for share in (0, 0.01, 0.5, 1):
            mask = rng.random(shape) < share
            text = runs(mask)['counts']
            np.testing.assert_array_equal(decode_runs(runs_of_text(text, ''), shape, ''), mask)


def change(path, edit):
    entries = json.loads(path.read_text())
    edit(entries)
    path.write_text(json.dumps(entries))


def note(entries, number, **fields):
    entries['annotations'][number].update(fields)


WRONG = {
    'image missing': (
        lambda e: e['images'][2].update(file_name='nobody.png'),
        r'annotations.json: image 2: the image nobody.png is not in .*add it',
    ),
    'class unknown': (
        lambda e: note(e, 1, category_id=9),
        r'annotations.json: annotations\[1\] \(id 1\): category_id 9 is not in categories',
    ),
    'polygon outside': (
        lambda e: note(e, 3, segmentation=[[1, 1, 60, 1, 5, 9]]),
        r'annotations.json: annotations\[3\] \(id 10\): the point \(60, 1\) lies outside .* 50×40',
    ),
    'runs of another size': (
        lambda e: note(e, 1, segmentation=runs(np.ones((50, 40)))),
        r'annotations\[1\] \(id 1\): its RLE has the size \[50, 40\]',
    ),
    'runs that end early': (
        lambda e: note(e, 1, segmentation={'size': [40, 50], 'counts': [5, 6]}),
        r'annotations\[1\] .* do not add up to 50×40 pixels',
    ),
    'runs cut off': (
        lambda e: note(e, 1, segmentation={'size': [40, 50], 'counts': 'ooP'}),
        r'annotations\[1\] .*its RLE is cut off',
    ),
    'boxes alone': (lambda e: note(e, 0, segmentation=[]), r'annotations\[0\] .*has a box but no'),
    'out of the folder': (
        lambda e: e['images'][1].update(file_name='../../secret.png'),
        r"image 1: '../../secret.png' lies outside of",
    ),
    'absolute': (
        lambda e: e['images'][1].update(file_name='C:\\secret.png'),
        r'image 1: .* lies outside of',
    ),
    'two entries of one image': (
        lambda e: e['images'][1].update(file_name='casea.png'),
        r'image 1: .*casea.png has been annotated by another entry',
    ),
    'another size': (
        lambda e: e['images'][0].update(width=51),
        r'image 0 \(casea.png\) is annotated as 51×40 pixels, its image has 50×40',
    ),
    'no image of an annotation': (
        lambda e: note(e, 0, image_id=77),
        r'annotations\[0\] \(id 0\): image_id 77 is that of no image',
    ),
    'no name': (lambda e: e['images'][0].pop('file_name'), r'image 0: file_name is missing'),
}


@pytest.mark.parametrize('wrong', WRONG)
def test_wrong_entries_are_named(source, tmp_path, wrong):
    edit, message = WRONG[wrong]
    change(source / 'annotations.json', edit)
    with pytest.raises(ValueError, match=message):
        prepare('coco', source, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_two_images_of_one_name(source, tmp_path):
    images(source / 'again', NAMES[:1])
    with pytest.raises(ValueError, match=r'image 0: casea.png may be .* or .*casea.png: remove'):
        prepare('coco', source, tmp_path / 'out')


@pytest.mark.parametrize('text', ['{"images": [}, "annotations", "categories"', '[' * 100_000])
def test_a_damaged_file_is_named(source, tmp_path, text):
    (source / 'annotations.json').write_text(text + '"images" "annotations" "categories"')
    with pytest.raises(ValueError, match=r'annotations.json is damaged'):
        prepare('coco', source, tmp_path / 'out')


def test_a_picture_that_exif_turns(source, tmp_path):
    """COCO's sizes tell whether it was annotated as stored or as shown."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(source / 'pictures/casea.png') as image:
        image.load()
    image.save(source / 'pictures/casea.png', exif=exif)
    found = prepare('coco', source, tmp_path / 'out')
    wanted = expected(source / 'annotations.json')['casea']
    np.testing.assert_array_equal(found['casea'], np.rot90(wanted, -1))


def test_train_and_val_without_test(tmp_path):
    for split, names in (('train', NAMES[:5]), ('val', NAMES[5:])):
        images(tmp_path / 'own' / split, names)
        write(tmp_path / 'own', content(names), f'instances_{split}.json')
    with pytest.raises(ValueError, match='images for train and val but none for test'):
        prepare('coco', tmp_path / 'own', tmp_path / 'out')
