"""The report."""

import base64
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from support.made_up import run, speckle, write_dicom, write_folder, write_image

pytestmark = pytest.mark.usefixtures('no_text_search')


@pytest.fixture(scope='module')
def out(tmp_path_factory, no_text_search):
    """A database with duplicates, two centres, three devices, and an unknown organ."""
    root = tmp_path_factory.mktemp('report')
    source = write_folder(root / 'source', 10)
    write_image(source / 'again/1.png', 0)
    write_image(source / 'odd/1.png', 30)
    for i, (device, place) in enumerate((('EPIQ <7>', 'Mercy'), ('a $5 $6 scanner', 'Other'))):
        write_dicom(
            source / f'{i}.dcm',
            speckle(40 + i),
            BodyPartExamined='HEART',
            ManufacturerModelName=device,
            InstitutionName=place,
            PatientID=str(i),
            PatientName='Doe^Jane',
        )
    run([source], root / 'out', root)
    return root / 'out'


def cells(html):
    """Rows of all tables, as texts."""

    class Reader(HTMLParser):
        rows: list[list[str]] = []

        def handle_starttag(self, tag, attrs):
            if tag == 'tr':
                self.rows.append([])
            self.inside = tag in ('td', 'th')
            if self.inside:
                self.rows[-1].append('')

        def handle_endtag(self, tag):
            self.inside = False

        def handle_data(self, data):
            if self.inside:
                self.rows[-1][-1] += data

    reader = Reader()
    reader.rows = []
    reader.inside = False
    reader.feed(html)
    return [tuple(row) for row in reader.rows]


def test_tables(out):
    rows = cells((out / 'report.html').read_text())
    for row in (
        ('liver', '5'),
        ('thyroid', '5'),
        ('heart', '2'),
        ('unknown', '1'),
        ('A', '1'),
        ('not known', '12'),
        ('EPIQ <7>', '1'),
        ('a $5 $6 scanner', '1'),
        ('PatientName', '2'),
        ('PatientID', '2'),
        ('InstitutionName', '2'),
        ('exactly an image that stays', '1'),
    ):
        assert row in rows, row


def test_config_line_is_that_of_the_images(out):
    about = json.loads((out / 'database.json').read_text())
    html = (out / 'report.html').read_text()
    assert f'mean=[{about["mean"]:.2f}], std=[{about["std"]:.2f}]' in html


def test_needs_no_other_file(out):
    html = (out / 'report.html').read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert len(sources) == 3 + 13  # three figures; of each organ all images, as they are few
    assert all(source.startswith('data:image/') for source in sources)
    assert '<script' not in html
    assert 'http' not in re.sub(r'base64,[^"]*', '', html)


def test_thumbnails_are_images_of_the_database(out):
    html = (out / 'report.html').read_text()
    found = re.findall(r'src="data:image/png;base64,([^"]*)"', html)
    decoded = [
        cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), 0).tobytes() for data in found
    ]
    images = [
        cv2.resize(cv2.imread(str(path), 0), (112, 112), interpolation=cv2.INTER_AREA).tobytes()
        for path in (out / 'images').rglob('*.png')
    ]
    assert sorted(decoded) == sorted(images)
