"""YOLO's segmentation text: polygons in shares of the image, and wrong lines."""

import numpy as np
import pytest

library = pytest.importorskip('pycocotools.mask')
pytest.importorskip('yaml')

from support.annotated import NAMES, SHAPE, images, index_rows, prepare, printed

SPLITS = {'train': NAMES[:5], 'val': NAMES[5:6], 'test': NAMES[6:]}
LINES = ['0 0.1 0.1 0.9 0.15 0.8 0.9 0.12 0.7', '1 0.3 0.3 0.5 0.3 0.5 0.6 0.3 0.6']


@pytest.fixture
def source(tmp_path):
    own = tmp_path / 'own'
    for split, names in SPLITS.items():
        images(own / 'images' / split, names)
        (own / 'labels' / split).mkdir(parents=True)
        for name in names[:4]:
            (own / 'labels' / split / f'{name}.txt').write_text('\n'.join(LINES[::-1]) + '\n\n')
    folders = ''.join(f'{split}: images/{split}\n' for split in SPLITS)
    (own / 'data.yaml').write_text(f'path: /content/data\n{folders}names:\n  0: liver\n  1: cyst\n')
    return own


def expected(line):
    points = np.array(line.split()[1:], float).reshape(-1, 2) * SHAPE[::-1]
    return library.decode(library.frPyObjects([points.ravel().tolist()], *SHAPE)[0]) > 0


@pytest.mark.parametrize('kind', ['yolo', 'folder'])
def test_polygons(source, tmp_path, capsys, kind):
    found = prepare(kind, source, tmp_path / 'out')
    shown = printed(capsys)
    assert 'Read as YOLO text (usfm prepare yolo); 0 background, 1 liver, 2 cyst.' in shown
    assert '1 images without a text are taken for images with nothing in them.' in shown
    large, small = map(expected, LINES)
    np.testing.assert_array_equal(found['casea'], np.where(small, 2, large))
    assert abs(int(large.sum()) - 40 * 50 * 0.5) < 300
    assert not found['casee'].any()
    rows = index_rows(tmp_path / 'out')
    assert {s: [n for n in rows if rows[n]['split'] == s] for s in SPLITS} == SPLITS


def test_roboflow(tmp_path):
    for split, names in SPLITS.items():
        folder = 'valid' if split == 'val' else split
        images(tmp_path / 'own' / folder / 'images', names)
        (tmp_path / 'own' / folder / 'labels').mkdir()
        for name in names:
            (tmp_path / 'own' / folder / 'labels' / f'{name}.txt').write_text(LINES[0])
    (tmp_path / 'own/data.yaml').write_text(
        'train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnames: [liver]'
    )
    found = prepare('folder', tmp_path / 'own', tmp_path / 'out')
    assert all((mask == expected(LINES[0])).all() for mask in found.values())


def line(text):
    return lambda s: (s / 'labels/train/caseb.txt').write_text(f'{LINES[0]}\n{text}\n')


def yaml(old, new):
    def change(source):
        path = source / 'data.yaml'
        path.write_text(path.read_text().replace(old, new))

    return change


WRONG = {
    'class unknown': (line('2 0 0 1 0 1 1'), r'caseb.txt, line 2: the class 2 is unknown.*0 to 1'),
    'outside': (line('0 0 0 1.2 0 1 1'), r'caseb.txt, line 2: the point \(60, 0\) lies outside'),
    'a box': (line('0 0.5 0.5 0.1 0.1'), r'caseb.txt, line 2 is a box'),
    'no number': (line('0 0 0 x 0 1 1'), r'caseb.txt, line 2: could not convert'),
    'not finite': (line('0 0 0 nan 0 1 1'), r'caseb.txt, line 2: the point \(nan, 0\) lies'),
    'half a point': (line('0 0 0 1 0 1 1 1'), r'caseb.txt, line 2: a polygon is a class'),
    'image missing': (
        lambda s: (s / 'images/train/caseb.png').unlink(),
        r'train/caseb.txt has no image in .*images/train',
    ),
    'one name twice': (
        lambda s: (
            images(s / 'images/train', ['caseb'])[0].rename(s / 'images/train/casea.jpg')
            and images(s / 'images/train', ['caseb'])
        ),
        r'casea.* and .*casea.* have one name',
    ),
    'folder missing': (
        yaml('images/val', 'images/none'),
        r'data.yaml: val: the folder images/none',
    ),
    'out of the folder': (yaml('images/val', '../../x'), r"data.yaml: val: '../x' lies outside"),
    'absolute': (yaml('images/val', '/etc'), r"data.yaml: val: '/etc' lies outside"),
    'damaged': (yaml('0: liver', '0: [liver'), r'data.yaml is damaged'),
    'no test': (yaml('test: images/test\n', ''), 'write test: in place of val: in data.yaml'),
}


@pytest.mark.parametrize('wrong', WRONG)
def test_wrong_ones_are_named(source, tmp_path, wrong):
    change, message = WRONG[wrong]
    change(source)
    with pytest.raises(ValueError, match=message):
        prepare('yolo', source, tmp_path / 'out')
