"""FETAL_PLANES_DB: standard planes of fetal screening."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from usfm_mm.converters.items import (
    ConversionError,
    Converter,
    Item,
    find_folder,
    image_files,
    named,
    safe_name,
)

_TABLE = 'FETAL_PLANES_DB_data.csv'
_COLUMNS = ('Image_name', 'Patient_num', 'Plane', 'Train')
# What the table calls a plane: our class and organ.
_PLANES = {
    'Fetal abdomen': ('abdomen', 'fetal abdomen'),
    'Fetal brain': ('brain', 'fetal head'),
    'Fetal femur': ('femur', 'fetal body'),
    'Fetal thorax': ('thorax', 'fetal body'),
    'Maternal cervix': ('maternal cervix', 'cervix'),
    'Other': ('other', 'fetal body'),
}


def walk(source: Path) -> Iterator[Item]:
    """Rows of the table, in its order; the column ``Train`` is 1 in train and 0 in test.

    Raises:
        ConversionError: The layout is another one, the table lacks a column or has an unknown
            value, or a row has no image or an image no row.
    """
    root = find_folder(
        source,
        lambda folder: (folder / 'Images').is_dir() and (folder / _TABLE).is_file(),
        f'{_TABLE} and the folder Images',
    )
    table = root / _TABLE
    images = {path.stem: path for path in image_files(root / 'Images')}
    planes = {name: name for name in _PLANES}
    for row in _rows(table):
        name = row['Image_name'].removesuffix('.png')
        if name not in images:
            raise ConversionError(
                f'{table}: {name!r} is listed twice or is not in Images: download the release again'
            )
        label, organ = _PLANES[named(row['Plane'], planes, table, f'plane of {name}')]
        yield Item(
            image=images.pop(name),
            name=safe_name(f'{name}.png'),
            organ=organ,
            label=label,
            patient=row['Patient_num'],
            split=named(row['Train'], {'1': 'train', '0': 'test'}, table, f'Train of {name}'),
        )
    if images:
        raise ConversionError(f'{table} does not list {min(images.values())}: remove the image')


def _rows(table: Path) -> Iterator[dict[str, str]]:
    text = table.read_text(encoding='utf-8-sig', errors='replace')
    separator = ';' if ';' in text.partition('\n')[0] else ','
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    header = [name.strip() for name in next(reader, [])]  # the release has 'Train '
    missing = [name for name in _COLUMNS if name not in header]
    if missing:
        raise ConversionError(f'{table} has no column {", ".join(missing)}')
    for number, row in enumerate(reader, 2):
        if any(row) and len(row) < len(header):
            raise ConversionError(f'{table}, line {number}: {len(row)} of {len(header)} columns')
        if any(row):
            yield {name: value.strip() for name, value in zip(header, row, strict=False)}


FETAL_PLANES = Converter(
    name='fetal_planes',
    page='https://zenodo.org/records/3904280',
    licence='CC BY 4.0',
    walk=walk,
    cls_classes=tuple(label for label, _ in _PLANES.values()),
)
