"""LabelMe's JSON: masks as it draws them, pictures beside or within, and wrong files."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from support.annotated import NAMES, SHAPE, images, prepare, printed
from usfm_mm.io.image import read_grey


def shape(label, kind, *points, **more):
    return {'label': label, 'shape_type': kind, 'points': [list(p) for p in points], **more}


def drawn(array):
    data = io.BytesIO()
    Image.fromarray(array).save(data, 'PNG')
    return base64.b64encode(data.getvalue()).decode()


PART = np.eye(6, 8, dtype=bool)
SHAPES = [
    shape('liver', 'polygon', (4.5, 3.0), (30.2, 5.0), (20.0, 25.6), (3, 20)),
    shape('cyst', 'rectangle', (40, 30), (20, 10)),
    shape('liver', 'circle', (30.0, 30.0), (33.0, 34.0)),
    shape('caliper', 'line', (1, 1), (9, 9)),
    shape('cyst', 'mask', (2, 30), (9, 35), mask=drawn(PART)),
]


def write(path, shapes, **fields):
    content = {
        'version': '5.5.0',
        'flags': {},
        'shapes': shapes,
        'imagePath': f'{path.stem}.png',
        'imageData': None,
        'imageHeight': SHAPE[0],
        'imageWidth': SHAPE[1],
    }
    path.write_text(json.dumps(content | fields))


@pytest.fixture
def source(tmp_path):
    images(tmp_path / 'own')
    for i, name in enumerate(NAMES):
        write(tmp_path / 'own' / f'{name}.json', SHAPES[: 5 * (i < 6)])
    return tmp_path / 'own'


@pytest.mark.parametrize('kind', ['labelme', 'folder'])
def test_shapes(source, tmp_path, capsys, kind):
    found = prepare(kind, source, tmp_path / 'out', '--classes', 'liver', 'cyst', 'caliper')
    shown = printed(capsys)
    assert 'Read as LabelMe JSON (usfm prepare labelme); 0 background, 1 liver, 2 cyst' in shown
    assert 'Left out: 6 shapes without area (casea.json: line caliper' in shown
    mask = found['casea']
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    far = np.hypot(x - 30, y - 30)
    assert (mask[far <= 4.5] == 1).all()
    box = (slice(10, 31), slice(20, 41))
    assert (mask[box][far[box] > 5.5] == 2).all()
    np.testing.assert_array_equal(mask[30:36, 2:10] == 2, PART)
    assert mask[15, 12] == 1
    assert mask[1, 1] == 0
    assert not found['caseh'].any()


def test_masks_and_files_of_labelme_itself(source, tmp_path):
    labelme = pytest.importorskip('labelme')
    for name in NAMES:
        labelme.LabelFile().save(
            str(source / f'{name}.json'),
            [s | {'flags': {}, 'group_id': None} for s in SHAPES[:3]],
            f'{name}.png',
            *SHAPE,
            imageData=(source / f'{name}.png').read_bytes(),
        )
    found = prepare('labelme', source, tmp_path / 'out', '--classes', 'liver', 'cyst')
    # Of a rectangle that was drawn from its end, LabelMe's painting ends in an error of Pillow.
    rectangle = SHAPES[1] | {'points': sorted(SHAPES[1]['points'])}
    shapes = [SHAPES[0], rectangle, SHAPES[2]]
    wanted, _ = labelme.utils.shapes_to_label((*SHAPE, 3), shapes, {'liver': 1, 'cyst': 2})
    np.testing.assert_array_equal(found['casea'], wanted)


def test_a_picture_within_and_one_in_another_folder(source, tmp_path):
    pixels = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE)
    (source / 'casea.png').unlink()
    write(source / 'casea.json', SHAPES, imageData=drawn(pixels))
    (source / 'pictures').mkdir()
    (source / 'json').mkdir()
    (source / 'caseb.png').rename(source / 'pictures/caseb.png')
    (source / 'caseb.json').unlink()
    write(source / 'json/caseb.json', SHAPES, imagePath='..\\pictures\\caseb.png')
    wanted = read_grey(source / 'pictures/caseb.png')
    prepare('labelme', source, tmp_path / 'out')
    np.testing.assert_array_equal(read_grey(tmp_path / 'out/images/casea.png'), pixels)
    np.testing.assert_array_equal(read_grey(tmp_path / 'out/images/caseb.png'), wanted)


WRONG = {
    'image missing': (dict(imagePath='nobody.png'), "imagePath: the image 'nobody.png' is missing"),
    'out of the folder': (dict(imagePath='../../x.png'), "imagePath: '../../x.png' lies outside"),
    'absolute': (dict(imagePath='/etc/x.png'), "imagePath: '/etc/x.png' lies outside"),
    'one image twice': (dict(imagePath='casea.png'), 'casea.png has another JSON file'),
    'another size': (dict(imageWidth=51), 'is annotated as 51×40 pixels, its image has 50×40'),
    'no picture': (dict(imageData='AAAA'), 'imageData is no image'),
    'polygon outside': (
        dict(shapes=[shape('liver', 'polygon', (1, 1), (60, 1), (5, 9))]),
        r'shapes\[0\] \(liver\): the point \(60, 1\) lies outside',
    ),
    'class unknown': (
        dict(shapes=[*SHAPES[:3], shape('lung', 'circle', (9, 9), (12, 9))]),
        r"shapes\[3\]: class 'lung' is not one of",
    ),
    'not a number': (
        dict(shapes=[shape('liver', 'polygon', (1, 'a'), (6, 1), (5, 9))]),
        r'shapes\[0\] \(liver\): points are pairs of numbers',
    ),
    'no label': (dict(shapes=[{'points': []}]), r'shapes\[0\]: label is missing'),
}


@pytest.mark.parametrize('wrong', WRONG)
def test_wrong_files_are_named(source, tmp_path, wrong):
    fields, message = WRONG[wrong]
    write(source / 'caseb.json', fields.pop('shapes', SHAPES), **fields)
    with pytest.raises(ValueError, match=rf'caseb\.json.*{message}'):
        prepare('labelme', source, tmp_path / 'out', '--classes', 'liver', 'cyst', 'caliper')


def test_a_damaged_file(source, tmp_path):
    path = source / 'caseb.json'
    path.write_text(path.read_text()[:-9])
    with pytest.raises(ValueError, match=r'caseb.json is damaged'):
        prepare('labelme', source, tmp_path / 'out')
