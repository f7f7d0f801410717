"""A prepared data set as COCO JSON, whose run lengths give its masks back bit for bit."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from usfm_mm.converters.annotations.nnunet_labels import LEFT_OUT
from usfm_mm.converters.exporting.prepared import Case, Prepared
from usfm_mm.converters.items import ConversionError
from usfm_mm.io.index_checks import SPLITS
from usfm_mm.io.optional import optional_import


def write_coco(prepared: Prepared, folder: Path) -> None:
    """Write ``images/`` and ``annotations/instances_SPLIT.json``.

    Every connected region of a class is an instance, which trainers of instances need. Images are
    copied byte for byte; their entries tell patient, label and organ where these are known.

    Args:
        prepared: What to write.
        folder: Existing, empty folder.

    Raises:
        ConversionError: Masks have pixels that are left out, which COCO cannot say.
        ModuleNotFoundError: pycocotools is not installed.
    """
    if prepared.ignores:
        raise ConversionError(
            f'the masks have pixels of {LEFT_OUT}, which are left out, and COCO has no such: '
            'export them as nnunet'
        )
    (folder / 'images').mkdir()
    (folder / 'annotations').mkdir()
    number = 0
    for split in SPLITS:
        images, annotations = [], []
        for i, case in enumerate(prepared.cases, start=1):
            if case.split != split:
                continue
            shutil.copyfile(case.image, folder / 'images' / f'{case.name}.png')
            mask = case.mask()
            images.append(_image(i, case, mask.shape))
            for value, region in _regions(mask, len(prepared.classes)):
                number += 1
                annotations.append(_annotation(number, i, value, region))
        content = {
            'info': {
                'description': str(prepared.about.get('name', '')),
                'url': prepared.about.get('page', ''),
                'licence': prepared.about.get('licence', ''),
                'cls_classes': prepared.about['cls_classes'],
            },
            'licenses': [],
            'categories': [
                {'id': value, 'name': name, 'supercategory': ''}
                for value, name in enumerate(prepared.classes)
                if value
            ],
            'images': images,
            'annotations': annotations,
        }
        text = json.dumps(content, ensure_ascii=False) + '\n'
        (folder / 'annotations' / f'instances_{split}.json').write_text(text, encoding='utf-8')


def _image(number: int, case: Case, shape: tuple[int, ...]) -> dict[str, Any]:
    known = {key: getattr(case, key) for key in ('patient', 'label', 'organ')}
    return {
        'id': number,
        'file_name': f'{case.name}.png',
        'height': shape[0],
        'width': shape[1],
        **{key: value for key, value in known.items() if value},
    }


def _regions(mask: np.ndarray, num_classes: int) -> Iterator[tuple[int, np.ndarray]]:
    """Value and pixels, uint8 [H, W], of each connected region."""
    for value in range(1, num_classes):
        count, parts = cv2.connectedComponents((mask == value).astype(np.uint8), connectivity=8)
        for part in range(1, count):
            yield value, (parts == part).astype(np.uint8)


def _annotation(number: int, image: int, value: int, region: np.ndarray) -> dict[str, Any]:
    library = optional_import('pycocotools.mask', 'COCO', 'usfm-mm[annotations]')
    runs = library.encode(np.asfortranarray(region))
    return {
        'id': number,
        'image_id': image,
        'category_id': value,
        'iscrowd': 0,
        'area': int(library.area(runs)),
        'bbox': library.toBbox(runs).tolist(),
        'segmentation': {'size': runs['size'], 'counts': runs['counts'].decode('ascii')},
    }
