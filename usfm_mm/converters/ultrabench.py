"""UltraBench: ten public data sets as its own package processes them, 14 tasks in all."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from usfm_mm.converters.items import ConversionError, Converter, Item, find_folder, safe_name
from usfm_mm.converters.masks import binary_mask, class_mask

# Its file of each split; a test set is judged as released.
_SPLITS = {'train': 'train', 'validation': 'val', 'test': 'test'}
_PAGE = 'https://github.com/adamtupper/ultrabench'


@dataclass(frozen=True)
class Task:
    """One data set of UltraBench.

    Attributes:
        name: Of its folder, without the version.
        organ: Of its images.
        classes: Names of its labels from 0 on; empty without classification.
        mask: Key of its mask; '' without segmentation.
        structures: Names of the mask's values from 1 on.
        group: Key of the patient or clip; '' where none is told.
    """

    name: str
    organ: str
    classes: tuple[str, ...] = ()
    mask: str = ''
    structures: tuple[str, ...] = ()
    group: str = ''


# Names of labels as its files have them, numbers and structures as its documentation tells them.
_TASKS = (
    Task('aul_mass', 'liver', ('normal', 'benign', 'malignant'), 'mass_mask', ('mass',)),
    Task('aul_liver', 'liver', mask='liver_mask', structures=('liver',)),
    Task(
        'butterfly',
        'several',
        (
            *('carotid', '2ch', 'lungs', 'ivc', '4ch', 'bladder', 'thyroid', 'plax'),
            'morisons_pouch',
        ),
        group='patient',
    ),
    Task(
        'camus',
        'heart',
        ('poor', 'medium', 'good'),
        'mask',
        ('left ventricle', 'myocardium', 'left atrium'),
        'patient',
    ),
    Task('fatty_liver', 'liver', ('normal', 'fatty'), group='patient'),
    Task('gbcu', 'gallbladder', ('normal', 'benign', 'malignant')),
    Task(
        'mmotu',
        'ovary',
        (
            *('chocolate cyst', 'serous cystadenoma', 'teratoma', 'theca cell tumor'),
            *('simple cyst', 'normal ovary', 'mucinous cystadenoma', 'high grade serous'),
        ),
        'tumor_mask_binary',
        ('tumor',),
    ),
    Task('open_kidney', 'kidney', mask='capsule_mask', structures=('kidney',)),
    Task('pocus', 'lung', ('regular', 'pneumonia', 'covid'), group='source'),
    Task('psfhs', 'fetal head', mask='psfh_mask', structures=('pubic symphysis', 'fetal head')),
    Task('stanford_thyroid', 'thyroid', mask='tumor_mask', structures=('nodule',), group='patient'),
)


def _walk(task: Task, source: Path) -> Iterator[Item]:
    """Items of ``train.json``, ``validation.json`` and ``test.json``.

    Raises:
        ConversionError: The layout is another one, or an entry lacks something, or names a file
            that is not there.
    """
    files = [f'{name}.json' for name in _SPLITS]
    root = find_folder(
        source, lambda folder: all((folder / name).is_file() for name in files), ', '.join(files)
    )
    for name, split in _SPLITS.items():
        path = root / f'{name}.json'
        try:
            entries = json.loads(path.read_text(encoding='utf-8'))
        except ValueError as error:
            raise ConversionError(f'{path} is no JSON ({error}): process the data again') from error
        for number, entry in enumerate(entries):
            yield _item(task, root, entry, split, f'{path}, entry {number}')


def _item(task: Task, root: Path, entry: Any, split: str, place: str) -> Item:
    image = _file(root, entry, 'image', place)
    masks = None
    if task.mask:
        mask = _file(root, entry, task.mask, place)
        masks = (
            partial(binary_mask, mask)
            if len(task.structures) == 1
            else partial(class_mask, mask, num_classes=len(task.structures) + 1),
        )
    label = None
    if task.classes:
        number = entry.get('label')
        if not isinstance(number, int) or not 0 <= number < len(task.classes):
            raise ConversionError(
                f'{place}: label {number!r} is none of 0 to {len(task.classes) - 1}'
            )
        label = task.classes[number]
    return Item(
        image=image,
        name=safe_name(image.name),
        organ=task.organ,
        masks=masks,
        label=label,
        patient=str(entry[task.group]) if entry.get(task.group) is not None else None,
        split=split,
    )


def _file(root: Path, entry: Any, key: str, place: str) -> Path:
    told = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(told, str):
        raise ConversionError(f'{place}: no {key}: is it another data set of UltraBench?')
    file = root / told
    if not file.is_file() or root.resolve() not in file.resolve().parents:
        raise ConversionError(f'{place}: {key} {told} is not in {root}: process the data again')
    return file


ULTRABENCH = tuple(
    Converter(
        name=f'ultrabench_{task.name}',
        page=_PAGE,
        licence='of the data set that it was made from',
        walk=partial(_walk, task),
        seg_classes=('background', *task.structures) if task.mask else (),
        cls_classes=task.classes,
        notes=('Read as the package ultrabench writes it, with its split.',),
    )
    for task in _TASKS
)
