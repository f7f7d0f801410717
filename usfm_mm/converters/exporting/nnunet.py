"""A prepared data set as nnU-Net's raw data, version 2."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from usfm_mm.converters.annotations.exported import TABLE, table_text
from usfm_mm.converters.annotations.nnunet_labels import IGNORE, LEFT_OUT
from usfm_mm.converters.exporting.prepared import Prepared
from usfm_mm.converters.items import ConversionError
from usfm_mm.io.image import encode_png


def write_nnunet(prepared: Prepared, folder: Path) -> None:
    """Write images and labels (``Tr`` and ``Ts``), ``dataset.json``, the split and a table.

    Train and val are ``Tr``, told apart by fold 0 of ``splits_final.json``, which nnU-Net looks for
    beside its preprocessed data; test is ``Ts``. Images are copied byte for byte, and masks are,
    too, but for pixels of 255, which become the label ``ignore``.

    Args:
        prepared: What to write.
        folder: Existing, empty folder.

    Raises:
        ConversionError: A class has the name that nnU-Net has for what is ignored, or two have one.
    """
    names = prepared.classes
    if IGNORE in names or len(set(names)) < len(names):
        raise ConversionError(
            f'classes of nnU-Net have names of their own, none of them "{IGNORE}": rename them in '
            'dataset.json'
        )
    for kind in ('images', 'labels'):
        for part in ('Tr', 'Ts'):
            (folder / f'{kind}{part}').mkdir()
    for case in prepared.cases:
        part = 'Ts' if case.split == 'test' else 'Tr'
        shutil.copyfile(case.image, folder / f'images{part}' / f'{case.name}_0000.png')
        label = folder / f'labels{part}' / f'{case.name}.png'
        if prepared.ignores:
            mask = case.mask()
            mask[mask == LEFT_OUT] = len(names)
            label.write_bytes(encode_png(mask))
        else:
            shutil.copyfile(case.mask_file, label)
    of = {split: [c.name for c in prepared.cases if c.split == split] for split in ('train', 'val')}
    labels = {name: value for value, name in enumerate(names)}
    about = {
        'channel_names': {'0': 'ultrasound'},
        'labels': labels | ({IGNORE: len(names)} if prepared.ignores else {}),
        'numTraining': sum(map(len, of.values())),
        'file_ending': '.png',
        'name': str(prepared.about.get('name', '')),
        'reference': prepared.about.get('page', ''),
        'licence': prepared.about.get('licence', ''),
        'usfm_mm': {'table': TABLE, 'cls_classes': prepared.about['cls_classes']},
    }
    _write_json(folder / 'dataset.json', about)
    _write_json(folder / 'splits_final.json', [of])
    (folder / TABLE).write_text(table_text(map(asdict, prepared.cases)), encoding='utf-8')


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
