"""Converters of releases that are not at hand, on miniatures in their layout."""

import json
import os
import pickle
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from support.release_files import SHAPE, image, mask, seg_names
from usfm_mm.converters import CONVERTERS
from usfm_mm.converters.ddti import polygon_mask
from usfm_mm.converters.fetal_abdomen import structures_mask
from usfm_mm.io.image import read_grey

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from usfm_mm.commands.prepare_data import main  # noqa: E402


def cls_lines(out, split):
    return (out / 'splits' / f'cls_{split}.txt').read_text().splitlines()


@pytest.fixture
def tn3k(tmp_path):
    root = tmp_path / 'Thyroid Dataset' / 'tn3k'
    for part, count in (('trainval', 12), ('test', 5)):
        for i in range(count):
            image(root / f'{part}-image' / f'{i:04}.jpg')
            mask(root / f'{part}-mask' / f'{i:04}.jpg', (8, 24, 8, 32))
        # JPEG keeps no exact pixels: no image of test may be a copy of one of trainval
        cv2.imwrite(str(root / f'{part}-image' / '0000.jpg'), np.full(SHAPE, count, np.uint8))
    fold = {'train': [0, 1, 3, 4, 5, 7, 8, 9, 11], 'val': [2, 6, 10]}
    (root / 'tn3k-trainval-fold0.json').write_text(json.dumps(fold))
    return root


def test_tn3k_takes_the_first_fold_and_reads_jpeg_masks(tn3k, tmp_path):
    out = tmp_path / 'out'
    main(['tn3k', str(tmp_path / 'Thyroid Dataset'), str(out)])
    names = seg_names(out)
    assert names['val'] == {'trainval_0002', 'trainval_0006', 'trainval_0010'}
    assert names['test'] == {f'test_{i:04}' for i in range(5)}
    assert len(names['train']) == 9
    written = read_grey(out / 'masks' / 'trainval_0003.png')
    assert (written[8:24, 8:32] == 1).mean() > 0.98
    assert written.sum() < 1.05 * 16 * 24
    assert json.loads((out / 'dataset.json').read_text())['split'] == 'as released'


def test_tn3k_without_its_fold_draws_val_from_trainval(tn3k, tmp_path):
    (tn3k / 'tn3k-trainval-fold0.json').unlink()
    main(['tn3k', str(tn3k), str(tmp_path / 'out')])
    names = seg_names(tmp_path / 'out')
    assert names['test'] == {f'test_{i:04}' for i in range(5)}
    assert len(names['val']) == 2  # 15 of 85 of twelve
    assert all(name.startswith('trainval') for name in names['val'])


def write(path, text):
    path.write_text(text)


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda r: (r / 'test-mask' / '0002.jpg').unlink(), '0002.jpg has no mask'),
        (lambda r: (r / 'trainval-image' / '0002.jpg').unlink(), '0002.jpg is the mask of no imag'),
        (lambda r: mask(r / 'test-mask' / '0001.jpg', None, shape=(8, 9)), '0001.jpg is 9×8 pix'),
        (
            lambda r: write(r / 'tn3k-trainval-fold0.json', '{"train": [0'),
            'fold0.json does not lis',
        ),
        (lambda r: write(r / 'tn3k-trainval-fold0.json', '{"train": []}'), 'does not list numbers'),
        (
            lambda r: write(r / 'tn3k-trainval-fold0.json', '{"train": [0], "val": [1]}'),
            'fold0.json does not tell the split of .*0002.jpg',
        ),
        (lambda r: (r / 'test-image').rename(r / 'test'), 'expected the folders trainval-image'),
    ],
)
def test_tn3k_damaged(tn3k, tmp_path, damage, message):
    damage(tn3k)
    with pytest.raises((ValueError, OSError), match=message):
        main(['tn3k', str(tn3k), str(tmp_path / 'out')])
    assert not (tmp_path / 'out').exists()


@pytest.fixture
def nerve(tmp_path):
    root = tmp_path / 'nerve'
    for person in range(1, 21):
        for i in range(1, 4):
            image(root / 'train' / f'{person}_{i}.tif')
            mask(root / 'train' / f'{person}_{i}_mask.tif', (5, 15, 5, 20) if i == 1 else None)
    image(root / 'test' / '1.tif')
    write(root / 'train_masks.csv', 'subject,img,pixels\n')
    return root


def test_nerve_keeps_persons_whole_and_leaves_the_test_set_out(nerve, tmp_path):
    out = tmp_path / 'out'
    main(['nerve', str(nerve), str(out)])
    names = seg_names(out)
    assert {s: len(n) for s, n in names.items()} == {'train': 42, 'val': 9, 'test': 9}
    persons = [{name.split('_')[0] for name in own} for own in names.values()]
    assert len(set.union(*persons)) == sum(map(len, persons)) == 20
    assert read_grey(out / 'masks' / '7_1.png').sum() == 150
    assert json.loads((out / 'dataset.json').read_text())['empty_masks'] == 40


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda r: (r / 'train' / '3_2_mask.tif').unlink(), '3_2.tif has no mask'),
        (lambda r: (r / 'train' / '3_2.tif').unlink(), '3_2_mask.tif is the mask of no image'),
        (lambda r: mask(r / 'train' / '3_2_mask.tif', (1, 9, 1, 9), 3), 'highest value is 3'),
        (lambda r: write(r / 'train' / '3_2.tif', 'II*'), '3_2.tif: cannot be decoded'),
        (
            lambda r: [
                (r / 'train' / f'3_2{end}.tif').rename(r / 'train' / f'x{end}.tif')
                for end in ('', '_mask')
            ],
            'x.tif is not named like 12_34.tif',
        ),
    ],
)
def test_nerve_damaged(nerve, tmp_path, damage, message):
    damage(nerve)
    with pytest.raises((ValueError, OSError), match=message):
        main(['nerve', str(nerve), str(tmp_path / 'out')])


def arrays(path, **structures):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, {'image': np.zeros((*SHAPE, 3), np.uint8), 'structures': structures})


def box(y0, y1, x0, x1, dtype=np.uint8, shape=SHAPE):
    array = np.zeros(shape, dtype)
    array[y0:y1, x0:x1] = 1
    return array


@pytest.fixture
def fetal_abdomen(tmp_path):
    root = tmp_path / 'source' / 'Fetal Abdominal Structures Segmentation Dataset'
    for person in range(1, 11):
        for i in range(1, 3):
            name = f'P{person:02}_IMG{i}'
            image(root / 'IMAGES' / f'{name}.png')
            arrays(
                root / 'ARRAY_FORMAT' / f'{name}.npy',
                artery=box(1, 3, 1, 3),
                liver=box(10, 30, 10, 30),
                stomach=box(30, 35, 30, 35, bool),
                vein=box(15, 17, 15, 25, float),
            )
    return root


def test_fetal_abdomen_paints_vessels_over_organs(fetal_abdomen, tmp_path):
    out = tmp_path / 'out'
    main(['fetal_abdomen', str(tmp_path / 'source'), str(out)])
    expected = np.zeros(SHAPE, np.uint8)
    expected[1:3, 1:3] = 1
    expected[10:30, 10:30] = 2
    expected[30:35, 30:35] = 3
    expected[15:17, 15:25] = 4
    np.testing.assert_array_equal(read_grey(out / 'masks' / 'P03_IMG2.png'), expected)
    persons = [{name.split('_')[0] for name in own} for own in seg_names(out).values()]
    assert len(set.union(*persons)) == sum(map(len, persons)) == 10


def test_an_array_file_runs_no_program(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'evil'),)

    np.save(tmp_path / 'evil.npy', {'image': Evil(), 'structures': {}})
    with pytest.raises(ValueError, match=r'evil.npy is not an array file .*mkdir'):
        structures_mask(tmp_path / 'evil.npy', SHAPE)
    assert not (tmp_path / 'evil').exists()


@pytest.mark.parametrize('module', [b'numpy.core', b'numpy._core'])
def test_array_files_of_numpy_1_and_2(tmp_path, module):
    content = np.array({'image': None, 'structures': {'liver': box(2, 9, 3, 8)}}, dtype=object)
    here = content.__reduce__()[0].__module__.removesuffix('.multiarray').encode()
    data = pickle.dumps(content, protocol=3)  # names modules in lines
    assert here + b'.multiarray\n' in data
    with open(tmp_path / 'a.npy', 'wb') as file:
        np.lib.format.write_array(file, np.array(None, dtype=object), version=(1, 0))
        file.seek(128)  # the pickle of None
        file.truncate()
        file.write(data.replace(here + b'.multiarray\n', module + b'.multiarray\n'))
    expected = 2 * box(2, 9, 3, 8)
    np.testing.assert_array_equal(structures_mask(tmp_path / 'a.npy', SHAPE), expected)


@pytest.mark.parametrize(
    ('write_arrays', 'message'),
    [
        (lambda p: arrays(p, spleen=box(0, 3, 0, 3)), "structure 'spleen' is unknown; known are"),
        (
            lambda p: arrays(p, liver=3 * box(0, 3, 0, 3)),
            r'liver is not a mask \[H, W\] of 0 and 1',
        ),
        (lambda p: arrays(p, liver=box(0, 3, 0, 3)[None]), r'liver is not a mask \[H, W\]'),
        (lambda p: arrays(p, liver=box(0, 3, 0, 3, shape=(9, 8))), 'a.npy is 8×9 pixels'),
        (lambda p: p.write_bytes(p.read_bytes()[:300]), 'a.npy is not an array file'),
        (lambda p: np.save(p, np.zeros(3)), 'a.npy is not an array file'),
        (lambda p: p.write_bytes(b''), 'a.npy is not an array file'),
    ],
)
def test_fetal_abdomen_damaged(tmp_path, write_arrays, message):
    arrays(tmp_path / 'a.npy', liver=box(0, 3, 0, 3))
    write_arrays(tmp_path / 'a.npy')
    with pytest.raises(ValueError, match=message):
        structures_mask(tmp_path / 'a.npy', SHAPE)


def test_fetal_abdomen_unpaired(fetal_abdomen, tmp_path):
    (fetal_abdomen / 'ARRAY_FORMAT' / 'P03_IMG2.npy').unlink()
    with pytest.raises((ValueError, OSError), match='P03_IMG2.png has no mask'):
        main(['fetal_abdomen', str(fetal_abdomen), str(tmp_path / 'out')])


PLANES = (
    'Fetal abdomen',
    'Fetal brain',
    'Fetal femur',
    'Fetal thorax',
    'Maternal cervix',
    'Other',
)
HEADER = 'Image_name;Patient_num;Plane;Brain_plane;Operator;US_Machine;Train '


@pytest.fixture
def fetal_planes(tmp_path):
    """Two images of each of 48 patients; the first 36 are for training."""
    root = tmp_path / 'FETAL_PLANES_ZENODO'
    rows = [HEADER]
    for patient in range(48):
        for i in range(2):
            name = f'Patient{patient:05}_Plane{i}_1_of_2'
            image(root / 'Images' / f'{name}.png')
            plane = PLANES[(patient + i) % 6]
            rows.append(f'{name};{patient};{plane};Not A Brain;Op. 1;Aloka;{int(patient < 36)}')
    write(root / 'FETAL_PLANES_DB_data.csv', '\r\n'.join(rows) + '\r\n')
    return root


def test_fetal_planes_has_the_released_split_and_whole_patients(fetal_planes, tmp_path):
    out = tmp_path / 'out'
    main(['fetal_planes', str(fetal_planes), str(out)])
    patients = {
        split: {int(line[7:12]) for line in cls_lines(out, split)}
        for split in ('train', 'val', 'test')
    }
    assert patients['test'] == set(range(36, 48))
    assert patients['train'].isdisjoint(patients['val'])
    assert len(patients['train'] | patients['val']) == 36
    assert abs(len(cls_lines(out, 'val')) - 72 * 15 / 85) <= 2
    # Patient 36 shows plane 36 % 6 = 0 first
    assert 'Patient00036_Plane0_1_of_2.png 0' in cls_lines(out, 'test')
    assert 'Patient00040_Plane1_1_of_2.png 5' in cls_lines(out, 'test')
    assert json.loads((out / 'dataset.json').read_text())['copies']['across_splits'] == 0


def edit(table, old, new):
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda r: edit(r / 'FETAL_PLANES_DB_data.csv', 'Plane;', 'View;'), 'has no column Plane'),
        (
            lambda r: edit(r / 'FETAL_PLANES_DB_data.csv', ';3;Fetal thorax', ';3;Fetal arm'),
            "plane of Patient00003_Plane0_1_of_2 'Fetal arm' is unknown",
        ),
        (
            lambda r: edit(r / 'FETAL_PLANES_DB_data.csv', ';Aloka;0', ';Aloka;2'),
            "Train of .* '2' is unknown; known are 1, 0",
        ),
        (
            lambda r: edit(r / 'FETAL_PLANES_DB_data.csv', ';Aloka;0', ''),
            'line 74: 5 of 7 columns',
        ),
        (
            lambda r: (r / 'Images' / 'Patient00003_Plane0_1_of_2.png').unlink(),
            "'Patient00003_Plane0_1_of_2' is listed twice or is not in Images",
        ),
        (lambda r: image(r / 'Images' / 'more.png'), 'does not list .*more.png'),
        (lambda r: (r / 'FETAL_PLANES_DB_data.csv').unlink(), 'expected FETAL_PLANES_DB_data.csv'),
    ],
)
def test_fetal_planes_damaged(fetal_planes, tmp_path, damage, message):
    damage(fetal_planes)
    with pytest.raises((ValueError, OSError), match=message):
        main(['fetal_planes', str(fetal_planes), str(tmp_path / 'out')])


def test_a_patient_in_two_released_splits_is_told(fetal_planes, tmp_path, capsys):
    table = fetal_planes / 'FETAL_PLANES_DB_data.csv'
    edit(table, 'Plane1_1_of_2;40;', 'Plane1_1_of_2;3;')
    main(['fetal_planes', str(fetal_planes), str(tmp_path / 'out')])
    printed = ' '.join(capsys.readouterr().out.split())
    assert 'warning: 3 images have a copy, or another image of their patient, in another' in printed


def xml(path, *marks):
    body = ''.join(
        f'<mark><image>{n}</image><svg>{json.dumps(regions)}</svg></mark>' for n, regions in marks
    )
    path.write_text(f'<case><number>{path.stem}</number><tirads>4a</tirads>{body}</case>')


def region(*points):
    return {'points': [{'x': x, 'y': y} for x, y in points], 'regionType': 'freehand'}


@pytest.fixture
def ddti(tmp_path):
    root = tmp_path / 'ddti'
    for case in range(1, 21):
        for i in (1, 2):
            image(root / f'{case}_{i}.jpg')
            cv2.imwrite(str(root / f'{case}_{i}.jpg'), np.full(SHAPE, 10 * case + i, np.uint8))
        square = region((5, 5), (15, 5), (15, 15), (5, 15))
        other = region((30, 20), (40, 20), (40, 25), (30, 25))
        xml(root / f'{case}.xml', (1, [square]), (2, [square, other]))
    return root


def test_ddti_fills_all_regions_of_an_image(ddti, tmp_path):
    out = tmp_path / 'out'
    main(['ddti', str(ddti), str(out)])
    expected = np.zeros(SHAPE, np.uint8)
    expected[5:16, 5:16] = 1
    np.testing.assert_array_equal(read_grey(out / 'masks' / '7_1.png'), expected)
    expected[20:26, 30:41] = 1
    np.testing.assert_array_equal(read_grey(out / 'masks' / '7_2.png'), expected)
    cases = [{name.split('_')[0] for name in own} for own in seg_names(out).values()]
    assert len(set.union(*cases)) == sum(map(len, cases)) == 20


def test_ddti_leaves_out_unmarked_images_and_says_so(ddti, tmp_path):
    square = region((5, 5), (15, 5), (15, 15), (5, 15))
    xml(ddti / '4.xml', (1, [square]))
    (ddti / '9.xml').write_text('<case><number>9</number><mark><image/><svg/></mark></case>')
    with pytest.warns(UserWarning, match=r'3 images have no region .* first is .*4_2.jpg'):
        main(['ddti', str(ddti), str(tmp_path / 'out')])
    assert len(set.union(*seg_names(tmp_path / 'out').values())) == 37


def test_a_polygon_is_cut_at_the_border():
    filled = polygon_mask([[(-10, -10), (4.4, -10), (4.4, 4.6), (-10, 4.6)]], Path('x'), (20, 20))
    expected = np.zeros((20, 20), np.uint8)
    expected[:6, :5] = 1
    np.testing.assert_array_equal(filled, expected)


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda r: (r / '7.xml').unlink(), '7_1.jpg has no 7.xml'),
        (lambda r: (r / '7_2.jpg').unlink(), '7.xml marks 7_2.jpg, which is not there'),
        (lambda r: (r / '7.xml').write_text('<case><mark>'), '7.xml is damaged'),
        (lambda r: edit(r / '7.xml', '"points"', '"corners"'), '7.xml is damaged'),
        (lambda r: edit(r / '7.xml', '[', '('), '7.xml is damaged'),
        (lambda r: edit(r / '7.xml', '30', '3000'), '7_2.jpg: a region of its XML file lies outs'),
        (lambda r: (r / '7_1.jpg').write_bytes(b'\xff\xd8'), '7_1.jpg: JPEG is truncated'),
    ],
)
def test_ddti_damaged(ddti, tmp_path, damage, message):
    damage(ddti)
    if 'outs' in message:
        edit(ddti / '7.xml', '40', '4000')
    with pytest.raises((ValueError, OSError), match=message):
        main(['ddti', str(ddti), str(tmp_path / 'out')])
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('release', CONVERTERS.values(), ids=CONVERTERS)
def test_every_release_is_in_the_table_of_the_docs(release):
    rows = [
        row
        for row in (ROOT / 'docs' / 'datasets.md').read_text().splitlines()
        if row.startswith(f'| `{release.name}` |')
    ]
    assert len(rows) == 1
    page, licence = rows[0].split(' | ')[1:3]
    assert licence == release.licence
    assert release.page in page
    assert release.seg_classes[:1] in ((), ('background',))
    assert re.fullmatch('[a-z0-9_]+', release.name)
