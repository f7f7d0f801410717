"""Releases in miniature and, where they are here, the real ones, in the common layout."""

import csv
import io
import json
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_fill_holes

from support.release_files import SHAPE, image, lines, mask, seg_names
from usfm_mm.converters.masks import binary_mask, class_mask, outline_mask
from usfm_mm.converters.splitting import join_copies, make_split
from usfm_mm.io.image import read_grey
from usfm_mm.io.index import read_index

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from usfm_mm.commands.prepare_data import main  # noqa: E402


def _below(root, name):
    return [(p.relative_to(root), p.read_bytes()) for p in (root / name).rglob('*') if p.is_file()]


@pytest.fixture
def busi(tmp_path):
    root = tmp_path / 'source' / 'Dataset_BUSI_with_GT'
    for label in ('benign', 'malignant', 'normal'):
        for i in range(10):
            image(root / label / f'{label} ({i}).png')
            box = None if label == 'normal' else (5, 15, 5, 15 + i)
            mask(root / label / f'{label} ({i})_mask.png', box)
    mask(root / 'benign' / 'benign (3)_mask_1.png', (20, 30, 30, 40))
    return root


def test_busi_joins_masks_and_keeps_classes_in_proportion(busi, tmp_path, capsys):
    out = tmp_path / 'busi'
    main(['busi', str(busi.parent), str(out)])
    expected = np.zeros(SHAPE, np.uint8)
    expected[5:15, 5:18] = 1
    expected[20:30, 30:40] = 1
    np.testing.assert_array_equal(read_grey(out / 'masks' / 'benign_3.png'), expected)
    assert not read_grey(out / 'masks' / 'normal_3.png').any()
    names = seg_names(out)
    assert len(set.union(*names.values())) == sum(map(len, names.values())) == 30
    for split, target in (('train', 7), ('val', 1.5), ('test', 1.5)):
        for label in ('benign', 'malignant', 'normal'):
            assert abs(sum(n.startswith(label) for n in names[split]) - target) <= 1
    about = json.loads((out / 'dataset.json').read_text())
    assert about['empty_masks'] == 10
    none_known = 'each image taken for a patient of its own as none is known'
    assert about['split'] == f'70/15/15, {none_known}, drawn with seed 0'
    assert f'Split: {about["split"]}.' in ' '.join(capsys.readouterr().out.split())
    # both tasks have the same split, and the label is the position of the class
    pairs = (out / 'splits' / 'cls_train.txt').read_text().splitlines()
    assert {p.split('.png ')[0] for p in pairs} == names['train']
    order = {'benign': '0', 'malignant': '1', 'normal': '2'}
    assert all(order[p.split('_')[0]] == p.split()[-1] for p in pairs)


def test_copies_share_a_split_and_join_patients():
    groups = join_copies(['a', 'a', 'b', 'c', 'd', 'e'], ['1', '2', '2', '3', '4', '3'])
    # a and b share picture 2, c and e share picture 3
    assert [groups[i] == groups[0] for i in range(6)] == [True, True, True, False, False, False]
    assert groups[3] == groups[5] != groups[4]
    assert len(set(join_copies(['a', 'b', 'c'], [1, 2, 3]))) == 3


@pytest.mark.parametrize(
    ('patients', 'sentence'),
    [
        ([None] * 20, 'each image taken for a patient of its own as none is known'),
        (['a', None] * 10, 'patients kept whole where they are known'),
        (['a', 'b'] * 10, 'patients kept whole'),
    ],
)
def test_how_a_split_came_about(patients, sentence):
    groups, strata = list(range(20)), [0] * 20
    _, how = make_split(groups, strata, [None] * 20, 5, patients)
    assert how == f'70/15/15, {sentence}, drawn with seed 5'
    released = ['train', 'train', 'train', 'test'] * 5
    _, how = make_split(groups, strata, released, 5, patients)
    assert how == (
        f'train and test as released; 17.6% of train became val (15 of 85), {sentence}, drawn with '
        'seed 5'
    )


@pytest.mark.parametrize('seed', range(4))
def test_copies_in_other_formats_stay_in_one_split_and_are_counted(busi, tmp_path, capsys, seed):
    pixels = Image.open(busi / 'benign' / 'benign (0).png')
    pixels.convert('RGB').save(busi / 'benign' / 'benign (4).png')  # same pixels, other file
    pixels.save(busi / 'malignant' / 'malignant (1).png')  # and another class
    shutil.copy(busi / 'normal' / 'normal (1).png', busi / 'normal' / 'normal (2).png')
    out = tmp_path / 'out'
    main(['busi', str(busi), str(out), '--seed', str(seed)])
    split_of = {name: split for split, names in seg_names(out).items() for name in names}
    assert split_of['benign_0'] == split_of['benign_4'] == split_of['malignant_1']
    assert split_of['normal_1'] == split_of['normal_2']
    about = json.loads((out / 'dataset.json').read_text())
    assert about['copies'] == dict(images=5, annotated_differently=3, across_splits=0)
    assert '5 images have an exact copy, 3 of them' in ' '.join(capsys.readouterr().out.split())
    for percent in (20, 40, 60, 80):
        subset = lines(out / 'splits' / f'seg_train_{percent}.txt')
        assert ('normal_1' in subset) == ('normal_2' in subset)


def test_subsets_are_nested_and_every_seed_gives_its_own_split(busi, tmp_path):
    for folder, seed in (('a', 0), ('b', 0), ('c', 1)):
        main(['busi', str(busi), str(tmp_path / folder), '--seed', str(seed)])
    splits = [seg_names(tmp_path / folder) for folder in 'abc']
    assert splits[0] == splits[1]
    assert splits[0] != splits[2]
    smaller = set()
    for percent in (20, 40, 60, 80):
        subset = set(lines(tmp_path / 'a' / 'splits' / f'seg_train_{percent}.txt'))
        assert smaller < subset < splits[0]['train']
        assert abs(len(subset) - percent / 100 * len(splits[0]['train'])) <= 3  # one a class
        smaller = subset


def test_the_index_is_one_for_pretraining(busi, tmp_path):
    main(['busi', str(busi), str(tmp_path / 'out')])
    table = read_index(tmp_path / 'out', None, ('path', 'organ', 'patient', 'split'))
    assert len(table) == 30
    with open(tmp_path / 'out' / 'index.csv', newline='') as file:
        row = next(r for r in csv.DictReader(file) if r['path'] == 'images/benign_3.png')
    assert row['_source'] == 'benign/benign (3).png'
    assert (row['_mask'], row['_label']) == ('masks/benign_3.png', 'benign')


def test_hc18_fills_outlines_and_keeps_patients_whole(tmp_path):
    folder = tmp_path / 'source' / 'training_set'
    expected = {}
    for i in range(20):
        for kind in ('HC', '2HC'):
            image(folder / f'{i:03}_{kind}.png')
            canvas = np.zeros(SHAPE, np.uint8)
            cv2.ellipse(canvas, (25, 20), (10 + i % 5, 8), 0, 0, 360, 255, 1)
            Image.fromarray(canvas).save(folder / f'{i:03}_{kind}_Annotation.png')
            expected[f'{i:03}_{kind}'] = binary_fill_holes(canvas)
    out = tmp_path / 'hc18'
    main(['hc18', str(tmp_path / 'source'), str(out)])
    for name, filled in expected.items():
        np.testing.assert_array_equal(read_grey(out / 'masks' / f'{name}.png'), filled)
    split_of = {n.split('_')[0]: s for s, names in seg_names(out).items() for n in names}
    for split, names in seg_names(out).items():
        assert all(split_of[name.split('_')[0]] == split for name in names)
    assert {s: len(n) for s, n in seg_names(out).items()} == {'train': 28, 'val': 6, 'test': 6}


def test_usanotai_takes_the_organ_from_the_name_and_reads_rgba(tmp_path):
    folder = tmp_path / 'source' / 'train'
    folder.mkdir(parents=True)
    for organ in ('bladder', 'bowel', 'gallbladder', 'kidney', 'liver', 'spleen'):
        for i in range(7):
            dashes = '--' if (organ, i) == ('bowel', 5) else '-'
            pixels = np.full((16, 16, 4), (70, 70, 70, 255), np.uint8)
            pixels[0, 0, :3] = len(list(folder.iterdir()))  # no image is a copy
            Image.fromarray(pixels).save(folder / f'{organ}{dashes}{i:04}.png')
    out = tmp_path / 'out'
    main(['usanotai', str(tmp_path / 'source'), str(out)])
    assert (read_grey(out / 'images' / 'train_bowel--0005.png')[1:] == 70).all()
    assert not (out / 'masks').exists()
    assert [p.name for p in (out / 'splits').glob('seg*')] == []
    every = [
        line
        for s in ('train', 'val', 'test')
        for line in (out / 'splits' / f'cls_{s}.txt').read_text().splitlines()
    ]
    assert 'train_bowel--0005.png 1' in every
    assert len(every) == 42


def test_usgra_keeps_both_structures(tmp_path):
    for i in range(10):
        image(tmp_path / 's' / 'images' / f'{i}.png')
        array = np.zeros(SHAPE, np.uint8)
        array[2:6, 2:6], array[20:30, 20:30] = 1, 2
        (tmp_path / 's' / 'masks').mkdir(exist_ok=True)
        Image.fromarray(array).save(tmp_path / 's' / 'masks' / f'{i}.png')
    main(['usgra', str(tmp_path / 's'), str(tmp_path / 'out')])
    np.testing.assert_array_equal(read_grey(tmp_path / 'out' / 'masks' / '4.png'), array)


@pytest.mark.parametrize('form', ['zip', 'gztar'])
def test_an_archive_gives_what_its_folder_gives(busi, tmp_path, form):
    archive = shutil.make_archive(str(tmp_path / 'release'), form, busi.parent)
    for name, source in (('a', archive), ('b', str(busi.parent))):
        main(['busi', source, str(tmp_path / 'out' / name)])
    assert {p.relative_to('a'): data for p, data in _below(tmp_path / 'out', 'a')} == {
        p.relative_to('b'): data for p, data in _below(tmp_path / 'out', 'b')
    }
    assert not list((tmp_path / 'out').glob('.*'))  # nothing temporary is left


def test_archives_that_are_damaged_or_lead_outside(tmp_path):
    (tmp_path / 'cut.zip').write_bytes(b'PK\x03\x04 and no more')
    with zipfile.ZipFile(tmp_path / 'evil.zip', 'w') as archive:
        archive.writestr('../evil.png', b'')
    with tarfile.open(tmp_path / 'evil.tar.gz', 'w:gz') as archive:
        archive.addfile(tarfile.TarInfo('/etc/evil'), io.BytesIO())
    with tarfile.open(tmp_path / 'link.tar', 'w') as archive:
        link = tarfile.TarInfo('link')
        link.type, link.linkname = tarfile.SYMTYPE, '/etc'
        archive.addfile(link)
    for name, message in (
        ('cut.zip', 'damaged'),
        ('evil.zip', 'outside of its folder'),
        ('evil.tar.gz', 'outside of its folder'),
        ('link.tar', 'link'),
    ):
        with pytest.raises((ValueError, OSError), match=message):
            main(['busi', str(tmp_path / name), str(tmp_path / 'out')])
    assert not (tmp_path / 'evil.png').exists()


@pytest.mark.parametrize('mode', ['L', '1', 'RGB', 'RGBA', 'P'])
@pytest.mark.parametrize('value', [1, 255])
def test_a_mask_however_it_was_saved(tmp_path, mode, value):
    if mode == '1' and value == 1:
        pytest.skip('one bit has no levels')
    expected = mask(tmp_path / 'm.png', (4, 20, 6, 30), value, mode=mode)
    np.testing.assert_array_equal(binary_mask(tmp_path / 'm.png', SHAPE), expected)


def test_a_palette_of_classes(tmp_path):
    classes = np.zeros(SHAPE, np.uint8)
    classes[5:10], classes[20:25] = 1, 2
    saved = Image.fromarray(classes, mode='P')
    saved.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    saved.save(tmp_path / 'm.png')
    np.testing.assert_array_equal(class_mask(tmp_path / 'm.png', SHAPE, 3), classes)
    with pytest.raises(ValueError, match='m.png has the value 2, but only 0 to 1'):
        class_mask(tmp_path / 'm.png', SHAPE, 2)


@pytest.mark.parametrize('mode', ['LA', 'RGBA'])
def test_classes_in_grey_with_alpha(tmp_path, mode):
    classes = np.zeros(SHAPE, np.uint8)
    classes[5:10], classes[20:25] = 1, 2
    saved = Image.fromarray(classes).convert(mode)
    saved.putalpha(Image.fromarray(np.arange(2000, dtype=np.uint8).reshape(SHAPE)))
    saved.save(tmp_path / 'm.png')
    np.testing.assert_array_equal(class_mask(tmp_path / 'm.png', SHAPE, 3), classes)


def test_classes_in_colour_are_refused(tmp_path):
    Image.new('RGB', SHAPE[::-1], (0, 1, 1)).save(tmp_path / 'm.png')
    with pytest.raises(ValueError, match='m.png is coloured'):
        class_mask(tmp_path / 'm.png', SHAPE, 3)


def test_an_outline_with_a_gap_at_the_border_and_an_open_one(tmp_path):
    canvas = np.zeros((60, 60), np.uint8)
    cv2.circle(canvas, (30, 30), 15, 255, 1)
    canvas[29:31, 44:47] = 0  # a gap of two pixels
    Image.fromarray(canvas).save(tmp_path / 'gap.png')
    filled = outline_mask(tmp_path / 'gap.png', (60, 60))
    disc = np.zeros((60, 60), np.uint8)
    cv2.circle(disc, (30, 30), 15, 1, -1)
    assert (filled != disc).sum() < 15
    cut = np.zeros((60, 60), np.uint8)
    cv2.circle(cut, (0, 30), 15, 255, 1)  # the image's border closes it
    Image.fromarray(cut).save(tmp_path / 'cut.png')
    half = np.zeros((60, 60), np.uint8)
    cv2.circle(half, (0, 30), 15, 1, -1)
    np.testing.assert_array_equal(outline_mask(tmp_path / 'cut.png', (60, 60)), half)
    canvas[:, 30:] = 0
    Image.fromarray(canvas).save(tmp_path / 'open.png')
    with pytest.raises(ValueError, match='open.png: the outline has a gap'):
        outline_mask(tmp_path / 'open.png', (60, 60))


NO_PATIENTS = ('--patients', 'none')


@pytest.fixture
def own(tmp_path):
    for i in range(8):
        image(tmp_path / 'own' / 'images' / f'p{i // 2}_{i}.png')
        mask(tmp_path / 'own' / 'masks' / f'p{i // 2}_{i}.png', (3, 9, 3, 9))
    return tmp_path / 'own'


def test_own_folder_keeps_patients_whole(own, tmp_path):
    out = tmp_path / 'out'
    main(['folder', str(own), str(out), '--patients', r'(p\d+)_', '--organ', 'thyroid'])
    split_of = [{n.split('_')[0] for n in names} for names in seg_names(out).values()]
    assert sum(map(len, split_of)) == len(set.union(*split_of)) == 4
    how = json.loads((out / 'dataset.json').read_text())['split']
    assert how == '70/15/15, patients kept whole, drawn with seed 0'
    assert (read_grey(out / 'masks' / 'p0_1.png')[3:9, 3:9] == 1).all()
    with open(out / 'index.csv', newline='') as file:
        assert {r['organ'] for r in csv.DictReader(file)} == {'thyroid'}


def test_own_folder_with_a_split_in_a_table(own, tmp_path):
    rows = [
        f'p{i // 2}_{i}{".png" if i % 2 else ""},{"train" if i < 5 else "test"}' for i in range(8)
    ]
    (tmp_path / 's.csv').write_text('\n'.join(['name,split', *rows]))
    out = tmp_path / 'out'
    main(['folder', str(own), str(out), '--splits', str(tmp_path / 's.csv'), *NO_PATIENTS])
    names = seg_names(out)
    assert names['test'] == {'p2_5', 'p3_6', 'p3_7'}
    assert names['train'] | names['val'] == {f'p{i // 2}_{i}' for i in range(5)}
    assert len(names['val']) == 1


@pytest.mark.parametrize(
    ('table', 'message'),
    [
        (
            'scan,split\n',
            's.csv has no column of names: its columns are scan, split. Say .* --columns',
        ),
        ('name\na\n', 's.csv has names alone: its columns are name. Say which'),
        ('name,split\np0_0,train\np0_0,test\n', 's.csv lists p0_0 twice'),
        ('name,split\np0_0,tests\n', "s.csv: split of p0_0 'tests' is unknown; known are train"),
        ('name,split\np0_0,train\n', 's.csv does not list .*p0_1.png'),
        (
            'name,split\n' + ''.join(f'p{i // 2}_{i},train\n' for i in range(9)),
            's.csv lists p4_8, which is not in',
        ),
        (
            'name,split\n' + ''.join(f'p{i // 2}_{i},train\n' for i in range(8)),
            'a released split needs "train" and "test"',
        ),
    ],
)
def test_a_table_of_splits_that_does_not_fit(own, tmp_path, table, message):
    (tmp_path / 's.csv').write_text(table)
    with pytest.raises((ValueError, OSError), match=message):
        main(
            [
                'folder',
                str(own),
                str(tmp_path / 'out'),
                *NO_PATIENTS,
                '--table',
                str(tmp_path / 's.csv'),
            ]
        )


def test_own_folder_laid_out_in_splits(own, tmp_path):
    for split in ('train', 'val', 'test'):
        shutil.copytree(own, tmp_path / 'parted' / split)
    for i in range(8):  # the same names, other images
        image(tmp_path / 'parted' / 'val' / 'images' / f'p{i // 2}_{i}.png', (40, 51))
        mask(tmp_path / 'parted' / 'val' / 'masks' / f'p{i // 2}_{i}.png', None, shape=(40, 51))
    out = tmp_path / 'out'
    main(['folder', str(tmp_path / 'parted'), str(out)])
    names = seg_names(out)
    assert names['val'] == {f'val_p{i // 2}_{i}' for i in range(8)}
    assert all(name.startswith('test_') for name in names['test'])
    # train and test are copies of each other, which only a released split can do
    assert json.loads((out / 'dataset.json').read_text())['copies']['across_splits'] == 16
    shutil.rmtree(tmp_path / 'parted' / 'test' / 'masks')
    with pytest.raises((ValueError, OSError), match='only train, val has images/ and masks/'):
        main(['folder', str(tmp_path / 'parted'), str(out)])
    shutil.copytree(own / 'masks', tmp_path / 'parted' / 'test' / 'masks')
    (tmp_path / 'x.csv').write_text('name,split\na,train\n')
    with pytest.raises(
        (ValueError, OSError), match='has train/ and test/ already: leave --splits out'
    ):
        main(['folder', str(tmp_path / 'parted'), str(out), '--splits', str(tmp_path / 'x.csv')])


def test_own_classes_laid_out_in_splits(tmp_path):
    for split, label in (('train', 'a'), ('train', 'b'), ('test', 'a')):
        for i in range(4):
            image(tmp_path / 's' / split / label / f'{split}{label}{i}.png')
    out = tmp_path / 'out'
    main(['folder', str(tmp_path / 's'), str(out)])
    test = (out / 'splits' / 'cls_test.txt').read_text().split('\n')[:-1]
    assert test == [f'test_a_testa{i}.png 0' for i in range(4)]
    assert json.loads((out / 'dataset.json').read_text())['cls_classes'] == ['a', 'b']
    image(tmp_path / 's' / 'test' / 'c' / '0.png')
    with pytest.raises((ValueError, OSError), match='c: train/ has no such class'):
        main(['folder', str(tmp_path / 's'), str(out)])


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda r: (r / 'masks' / 'p0_1.png').unlink(), r'p0_1.png has no mask'),
        (lambda r: (r / 'images' / 'p0_1.png').unlink(), r'p0_1.png is the mask of no image'),
        (
            lambda r: (r / 'images' / 'p0_1.png').write_bytes(
                (r / 'images' / 'p0_1.png').read_bytes()[:60]
            ),
            r'p0_1.png',
        ),
        (lambda r: mask(r / 'masks' / 'p0_1.png', None, shape=(8, 8)), 'its image 50×40'),
        (lambda r: mask(r / 'masks' / 'p0_1.png', (0, 9, 0, 9), 7), 'its highest value is 7'),
        (lambda r: [mask(p, None) for p in (r / 'masks').iterdir()], 'all masks are empty'),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(own, tmp_path, damage, message):
    damage(own)
    with pytest.raises((ValueError, OSError), match=message):
        main(['folder', str(own), str(tmp_path / 'out'), *NO_PATIENTS])
    assert not (tmp_path / 'out').exists()
    assert not list(tmp_path.glob('.*'))  # nor half of it


def test_other_bad_input(own, tmp_path, capsys):
    with pytest.raises((ValueError, OSError), match='no such file or folder'):
        main(['busi', str(tmp_path / 'nowhere'), str(tmp_path / 'out')])
    with pytest.raises(
        (ValueError, OSError), match='expected the folders benign, malignant, normal'
    ):
        main(['busi', str(own), str(tmp_path / 'out')])
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'mine.txt').write_text('keep me')
    with pytest.raises((ValueError, OSError), match='holds something else'):
        main(['folder', str(own), str(tmp_path / 'full')])
    assert (tmp_path / 'full' / 'mine.txt').read_text() == 'keep me'
    main(['folder', str(own), str(tmp_path / 'mine'), *NO_PATIENTS])
    with pytest.raises((ValueError, OSError), match='mine holds folder: name a new folder'):
        main(['busi', str(own), str(tmp_path / 'mine')])
    with pytest.raises((ValueError, OSError), match='holds the images that are to be converted'):
        main(['folder', str(tmp_path / 'mine'), str(tmp_path / 'mine'), *NO_PATIENTS])
    assert (tmp_path / 'mine' / 'masks' / 'p0_1.png').is_file()
    (own / 'masks').rename(own.parent / 'elsewhere')
    with pytest.raises((ValueError, OSError), match='has images/ but no masks/'):
        main(['folder', str(own), str(tmp_path / 'out')])
    (own.parent / 'elsewhere').rename(own / 'masks')
    classes = tmp_path / 'classes'
    image(classes / 'a' / '1.png')
    (classes / 'b').mkdir()
    with pytest.raises((ValueError, OSError), match='b has no image: fill or delete this class'):
        main(['folder', str(classes), str(tmp_path / 'out')])
    with pytest.raises(SystemExit):
        main(['busi', str(own), str(tmp_path / 'out'), '--splits', 'x.csv'])
    assert '--table is for NAME folder, table, nnunet, ' in capsys.readouterr().err
    with pytest.raises((ValueError, OSError), match='x.csv'):
        main(['folder', str(own), str(tmp_path / 'out'), '--splits', 'x.csv'])


@pytest.mark.parametrize(
    ('pattern', 'message'),
    [
        (
            'Pat (',
            r"^--patients 'Pat \(' is no regular expression \(missing \).*: correct",
        ),
        (r'(q\d+)', r'finds no patient in the name of .*p0_0.png'),
        (r'(p0)|p\d', r'finds no patient in the name of .*p1_2.png'),  # not a patient of its own
    ],
)
def test_patterns_of_patients_that_do_not_fit(own, tmp_path, pattern, message):
    with pytest.raises((ValueError, OSError), match=message):
        main(['folder', str(own), str(tmp_path / 'out'), '--patients', pattern])


@pytest.mark.parametrize(
    ('name', 'folder', 'counts'),
    [
        ('busi', 'BUSI', (210, 45, 45)),
        ('hc18', 'HC18', (261, 56, 56)),
        ('usgra', 'USGRA', (142, 31, 31)),
        ('usanotai', 'USAnotAI', (210, 48, 48)),
    ],
)
def test_real_releases(shared_data, tmp_path, name, folder, counts):
    out = tmp_path / name
    main([name, str(shared_data / folder), str(out)])
    about = json.loads((out / 'dataset.json').read_text())
    assert tuple(about['images'].values()) == counts
    masks = [read_grey(path) for path in sorted(out.glob('masks/*.png'))[::10]]
    if name == 'usgra':
        assert set(np.unique(np.concatenate([m.ravel() for m in masks]))) == {0, 1, 2}
    elif masks:
        shares = np.array([m.mean() for m in masks])
        assert set(np.unique(np.concatenate([m.ravel() for m in masks]))) == {0, 1}
        # A filled head covers far more than its outline of a few pixels' width.
        assert name != 'hc18' or (shares > 0.03).all()
    if name == 'busi':
        assert about['empty_masks'] == 80
