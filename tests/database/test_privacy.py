"""Private data that is planted everywhere in the sources is found nowhere in the database."""

import io
import zlib

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin

from support.made_up import KEY, content, run, speckle, without_text_search, write_dicom
from usfm_mm.database.options import Settings
from usfm_mm.database.places import default_journal_folder
from usfm_mm.database.rules import DEFAULT_RULES, read_rules
from usfm_mm.database.screen.text import find_text
from usfm_mm.io.image import read_grey

NAME, NUMBER, DATE, BIRTH = 'Quetzalbauer', '90417735', '20190823', '19610405'
PLANTED = (NAME, 'Wilhelmina', NUMBER, DATE, BIRTH, '2019-08-23', '1.2.840.99.4711', 'Ostheim')
RULES = """
organ:
  - {path: '(^|/)export_[^/]+/(?P<organ>liver)/'}
  - {field: BodyPartExamined, matches: '^(?P<organ>HEART)$'}
center: [{field: InstitutionName, matches: 'ostheim', value: A}]
device: [{field: ManufacturerModelName}]
patient: [{path: '/liver/(?P<patient>[A-Za-z]+_\\d+)_'}]
"""


def scan(seed, text=''):
    picture = speckle(seed, 240, 320) // 3  # dim: bright made-up speckle has spots like letters
    return cv2.putText(picture, text, (12, 225), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A build whose sources have private data in headers, pixels, names of files and folders."""
    root = tmp_path_factory.mktemp('privacy')
    source = root / f'export_{NAME}_{DATE}'
    fields = dict(
        PatientName=f'{NAME}^Wilhelmina',
        PatientID=NUMBER,
        PatientBirthDate=BIRTH,
        StudyDate=DATE,
        StudyInstanceUID=f'1.2.840.99.4711.{DATE}',
        AccessionNumber=NUMBER,
        InstitutionName='Klinikum Ostheim',
        ReferringPhysicianName=NAME,
        StudyDescription=f'{NAME} {NUMBER}',
        BodyPartExamined='HEART',
        ManufacturerModelName='EPIQ 7',
        ImageComments=f'{NAME} born {BIRTH}',
    )
    data = write_dicom(source / f'{NAME}.dcm', scan(0, f'{NAME} {NUMBER}'), **fields)
    block = data.private_block(0x0011, f'{NAME} CREATOR', create=True)
    block.add_new(0x01, 'LO', f'{NAME} {NUMBER}')
    data.save_as(source / f'{NAME}.dcm')
    info = PngImagePlugin.PngInfo()
    info.add_text('Description', f'{NAME} {NUMBER} {DATE}')
    path = source / f'liver/{NAME}_{NUMBER}_{DATE}.png'
    path.parent.mkdir(parents=True)
    Image.fromarray(scan(1, DATE)).save(path, pnginfo=info)
    exif = Image.Exif()
    exif[0x010E] = f'{NAME} {NUMBER}'
    Image.fromarray(scan(5)).save(source / f'{NAME}.jpg', exif=exif, quality=95)
    (source / f'{NAME}.txt').write_text(f'{NAME} {NUMBER}')
    (source / f'{NUMBER}.dcm').write_bytes((source / f'{NAME}.dcm').read_bytes()[:900])
    for name, packed in (('png', False), ('packed', True)):
        run([source], root / name, root, RULES, Settings(packed=packed))
    return root


def forms(text):
    """The text as files may hold it."""
    for variant in (text, text.lower(), text.upper()):
        yield from (variant.encode(), variant.encode('utf-16-le'), variant.encode('utf-32-le'))


@pytest.mark.parametrize('name', ['png', 'packed'])
def test_in_no_byte_and_no_name(folder, name):
    files = content(folder / name)
    assert len(files) >= 4
    for path, data in files.items():
        unpacked = [data, path.encode()]
        if path.endswith('.png'):
            parts = list(chunks(data))
            # nothing but the picture: no text, no time
            assert {kind for kind, _ in parts} == {b'IHDR', b'IDAT', b'IEND'}
            unpacked.append(zlib.decompress(b''.join(b for kind, b in parts if kind == b'IDAT')))
        if path.endswith('.parquet'):
            unpacked.append(repr(pq.read_table(io.BytesIO(data)).to_pydict()).encode())
            unpacked.append(repr(pq.read_schema(io.BytesIO(data))).encode())
        for planted in (*PLANTED, KEY, folder.name):
            for form in forms(planted):
                assert not any(form in part for part in unpacked), (path, planted)


def chunks(png):
    """Kind and content of each chunk of a PNG file."""
    start = 8
    while start < len(png):
        end = start + 8 + int.from_bytes(png[start : start + 4], 'big')
        yield png[start + 4 : start + 8], png[start + 8 : end]
        start = end + 4


def test_in_no_pixel(folder):
    sources = [path for path in folder.glob('export*/**/*') if path.suffix in ('.png', '.jpg')]
    assert any(find_text(read_grey(path)) for path in sources)  # the search finds such text
    images = sorted((folder / 'png/images').rglob('*.png'))
    assert len(images) == 3
    for path in images:
        assert find_text(cv2.resize(read_grey(path), (512, 512))) == []


def test_labels_are_what_the_rules_take(folder):
    rows = pq.read_table(folder / 'png/index.parquet').to_pylist()
    labels = {(row['organ'], row['center'], row['device']) for row in rows}
    assert labels == {('heart', 'A', 'EPIQ 7'), ('liver', None, None), ('unknown', None, None)}
    for row in rows:
        for column in ('patient', '_study', '_file'):
            assert row[column] is None or len(bytes.fromhex(row[column])) == 16


def test_report_tells_what_was_removed(folder):
    report = (folder / 'png/report.html').read_text()
    for text in (
        '<td>PatientName</td><td class="n">1</td>',
        '<td>AccessionNumber</td><td class="n">1</td>',
        '<td>PatientID</td><td class="n">1</td>',
        '<td>ManufacturerModelName</td><td class="n">1</td>',
        '<td>burned-in text painted over</td><td class="n">2</td>',
        '<td>not an image</td><td class="n">1</td>',
        'not counted here: private tags',
    ):
        assert text in report, text
    hashed, dropped = report.index('turned into keyed hashes'), report.index('Header: dropped')
    assert hashed < report.index('<td>PatientID</td>') < dropped
    assert report.index('<td>PatientName</td>') > dropped
    assert report.index('<td>AccessionNumber</td>') > dropped


def test_source_paths_are_in_the_private_folder_only(folder):
    private = default_journal_folder(folder / 'secret.key', folder / 'png')
    assert NAME in (private / 'rejected.csv').read_text()
    assert private.stat().st_mode & 0o077 == 0
    assert not np.any([private in path.parents for path in (folder / 'png').rglob('*')])


MODELS = {
    'EPIQ 7G': 'EPIQ 7G',
    'LOGIQE9': 'LOGIQE9',
    'Vivid E95 ': 'Vivid E95',
    'ACUSON Sequoia': 'ACUSON Sequoia',
    'Aplio i800': 'Aplio i800',
    f'EPIQ 7 ward of Dr {NAME}': 'EPIQ 7',
    f'{NAME} EPIQ 7': 'other',
    f'LOGIQ{NUMBER}': 'other',
    f'Aplio{DATE}': 'other',
    f'ward of Dr {NAME}': 'other',
    '4711': 'other',
    ' ': None,
}


def test_by_default_the_device_is_a_known_name_or_other():
    rules = read_rules()
    for text, label in MODELS.items():
        assert rules.find('device', 'a.dcm', {'ManufacturerModelName': text}) == label, text


def test_the_database_made_with_the_default_rules_and_its_report(tmp_path):
    """Every label is in the report, so that each can be looked at, however many there are."""
    rules = DEFAULT_RULES.read_text() + "center: [{path: '(?P<center>c\\d+)'}]\n"
    for i in range(130):
        name = f'ward of Dr {NAME}' if i % 2 else 'EPIQ 7'
        path = tmp_path / f'source/c{i:03d}.dcm'
        write_dicom(path, speckle(i, 64, 64), ManufacturerModelName=name)
    with without_text_search():
        run([tmp_path / 'source'], tmp_path / 'out', tmp_path, rules, Settings(max_hamming=0))
    report = (tmp_path / 'out/report.html').read_text()
    for i in range(130):
        assert f'<td>c{i:03d}</td><td class="n">1</td>' in report
    assert '<td>EPIQ 7</td><td class="n">65</td>' in report
    assert '<td>other</td><td class="n">65</td>' in report
    for path, data in content(tmp_path / 'out').items():
        assert NAME.encode() not in data, path
