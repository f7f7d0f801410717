"""COVID-BLUES: lung clips with severity, A-lines and B-lines."""

from dataclasses import replace
from pathlib import Path

from usfm_mm.converters.items import Converter, Item, find_folder, named
from usfm_mm.converters.labelled import labelled_data

CLASSES = ('0', '1', '2', '3')
# As the table has them: with a decimal.
_SCORES = {f'{label}.0': label for label in CLASSES}


def walk(source: Path) -> list[Item]:
    """Clips of ``lus_videos`` with the rows of ``severity.csv``; the patient is in the name.

    Raises:
        ConversionError: The layout is another one, or a clip has no row.
    """
    root = find_folder(source, _is_it, 'lus_videos/ beside severity.csv')
    converter = labelled_data(
        source=root / 'lus_videos',
        table=root / 'severity.csv',
        columns={'name': 'video_file', 'label': 'Severity Score', 'patient': '', 'split': ''},
        labels=('A-lines', 'B-lines'),
        values=(),
        organ='lung',
        patients=r'^(patient_\d+)_',
    )
    return [
        replace(item, label=named(str(item.label), _SCORES, item.image, 'severity'))
        for item in converter.walk(root / 'lus_videos')
    ]


def _is_it(folder: Path) -> bool:
    return (folder / 'lus_videos').is_dir() and (folder / 'severity.csv').is_file()


COVID_BLUES = Converter(
    name='covid_blues',
    page='https://github.com/NinaWie/COVID-BLUES',
    licence='CC BY-NC-ND 4.0',
    walk=walk,
    cls_classes=CLASSES,
    label_names=('A-lines', 'B-lines'),
    notes=(
        'Classes are severity scores. Neither the clips nor what is made of them is to be shared.',
    ),
)
