"""CVAT for images: all of its shapes, layers and subsets; XML that does harm; wrong entries."""

import numpy as np
import pytest

library = pytest.importorskip('pycocotools.mask')
pytest.importorskip('defusedxml')

from support.annotated import NAMES, SHAPE, images, index_rows, prepare, printed

SHAPES = """
    <mask label="cyst" left="30" top="25" width="3" height="2" rle="1, 3, 2" z_order="0"/>
    <polygon label="liver" z_order="2" points="4.50,3.00;30.20,5.00;20.00,25.60;3.00,20.00"/>
    <box label="cyst" xtl="2.0" ytl="2.0" xbr="12.0" ybr="10.0" z_order="1"/>
    <box label="cyst" xtl="30.0" ytl="5.0" xbr="40.0" ybr="9.0" rotation="90.0" z_order="1"/>
    <ellipse label="liver" cx="40.0" cy="32.0" rx="6.0" ry="3.0" z_order="0"/>
    <points label="cyst" points="1.0,1.0" z_order="0"/>"""
LABELS = '<label><name>liver</name></label><label><name>cyst</name></label>'


def image(number, name, shapes=SHAPES, size='width="50" height="40"', more=''):
    return f'  <image id="{number}" name="{name}" {size} {more}>{shapes}\n  </image>'


def write(source, entries, head='<?xml version="1.0"?>', labels=LABELS):
    text = f'{head}\n<annotations><meta><task><labels>{labels}</labels></task>'
    (source / 'annotations.xml').write_text(
        '\n'.join([text + '</meta>', *entries, '</annotations>'])
    )


def entries():
    return [image(i, f'{n}.png', SHAPES if i < 6 else '') for i, n in enumerate(NAMES)]


@pytest.fixture
def source(tmp_path):
    images(tmp_path / 'own/images')
    write(tmp_path / 'own', entries())
    return tmp_path / 'own'


@pytest.mark.parametrize('kind', ['cvat', 'folder'])
def test_shapes(source, tmp_path, capsys, kind):
    found = prepare(kind, source, tmp_path / 'out')
    shown = printed(capsys)
    assert 'Read as CVAT for images (usfm prepare cvat); 0 background, 1 liver, 2 cyst.' in shown
    assert 'Left out: 6 shapes without area (casea.png: points' in shown
    wanted = np.zeros(SHAPE, np.uint8)
    wanted[25, 31:33] = wanted[26, 30] = 2  # runs of 1, 3, 2 in a box of three by two
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    wanted[((x - 40) / 6) ** 2 + ((y - 32) / 3) ** 2 <= 1] = 1
    wanted[2:10, 2:12] = 2
    wanted[2:12, 33:37] = 2  # 10 by 4 about (35, 7), turned upright
    points = [4.5, 3.0, 30.2, 5.0, 20.0, 25.6, 3.0, 20.0]
    wanted[library.decode(library.frPyObjects([points], *SHAPE)[0]) > 0] = 1
    np.testing.assert_array_equal(found['casea'], wanted)
    assert not found['caseh'].any()


def test_subsets(tmp_path):
    own = []
    for i, name in enumerate(NAMES):
        subset = 'Train' if i < 5 else 'Validation' if i < 6 else 'Test'
        images(tmp_path / 'own/images' / subset, [name])
        own.append(image(i, f'{name}.png', more=f'subset="{subset}"'))
    write(tmp_path / 'own', own)
    prepare('cvat', tmp_path / 'own', tmp_path / 'out')
    rows = index_rows(tmp_path / 'out')
    assert [rows[n]['split'] for n in NAMES] == ['train'] * 5 + ['val'] + ['test'] * 2


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
FILE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize('head', [BOMB, FILE])
def test_xml_that_does_harm(source, tmp_path, head):
    write(source, entries(), head)
    with pytest.raises(ValueError, match=r'annotations.xml declares entities or a document type'):
        prepare('cvat', source, tmp_path / 'out')


WRONG = {
    'image missing': (dict(name='nobody.png'), r'image 1 \(nobody.png\): the image nobody.png is'),
    'out of the folder': (dict(name='../../x.png'), r"image 1 .*'../../x.png' lies outside"),
    'one image twice': (dict(name='casea.png'), r'image 1 .*annotated by another entry already'),
    'another size': (dict(size='width="50" height="41"'), r'image 1 \(caseb.png\) is annotated as'),
    'no size': (dict(size=''), r'image 1 \(caseb.png\): height is missing'),
    'class unknown': (
        dict(shapes='<box label="lung" xtl="1" ytl="1" xbr="3" ybr="3"/>'),
        r'image 1 \(caseb.png\): box 1 \(lung\): the label is not one of .*liver, cyst',
    ),
    'polygon outside': (
        dict(shapes='<polygon label="cyst" points="1,1;60,1;5,9"/>'),
        r'image 1 \(caseb.png\): polygon 1 \(cyst\): the point \(60, 1\) lies outside',
    ),
    'runs of another size': (
        dict(shapes='<mask label="cyst" rle="1,3" left="1" top="1" width="3" height="2"/>'),
        r'mask 1 \(cyst\): its run lengths \(RLE\) do not add up to 3×2',
    ),
    'mask outside': (
        dict(shapes='<mask label="cyst" rle="6" left="49" top="1" width="3" height="2"/>'),
        r'mask 1 \(cyst\): its mask reaches out',
    ),
    'no numbers': (
        dict(shapes='<polygon label="cyst" points="1,1;a,1;5,9"/>'),
        r'polygon 1 \(cyst\): points have to be',
    ),
}


@pytest.mark.parametrize('wrong', WRONG)
def test_wrong_entries_are_named(source, tmp_path, wrong):
    fields, message = WRONG[wrong]
    own = entries()
    own[1] = image(1, **{'name': 'caseb.png'} | fields)
    write(source, own)
    with pytest.raises(ValueError, match=f'annotations.xml: .*{message}'):
        prepare('cvat', source, tmp_path / 'out')


def test_a_damaged_file(source, tmp_path):
    path = source / 'annotations.xml'
    path.write_text(path.read_text()[:-15])
    with pytest.raises(ValueError, match=r'annotations.xml is damaged'):
        prepare('cvat', source, tmp_path / 'out')
