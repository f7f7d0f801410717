"""Miniatures of what annotation programs save: a box in each image, in LabelMe, YOLO and CVAT."""

import json
from pathlib import Path

from support.made_up import speckle
from support.pages.stand_ins import SIDE, save

NAMES = [f'case{chr(97 + i)}' for i in range(12)]
BOX = (20.0, 20.0, 50.0, 45.0)
CORNERS = [(20, 20), (50, 20), (50, 45), (20, 45)]


def pictures(folder: Path) -> None:
    """The images."""
    for i, name in enumerate(NAMES):
        save(folder / f'{name}.png', speckle(i, SIDE, SIDE))


def labelme(folder: Path) -> None:
    """A JSON file per image."""
    pictures(folder)
    shape = {'label': 'nodule', 'points': CORNERS, 'shape_type': 'polygon', 'flags': {}}
    for name in NAMES:
        about = {'version': '5.5.0', 'flags': {}, 'shapes': [shape], 'imageData': None}
        about |= {'imagePath': f'{name}.png', 'imageHeight': SIDE, 'imageWidth': SIDE}
        (folder / f'{name}.json').write_text(json.dumps(about))


def yolo(folder: Path) -> None:
    """A text per image, in shares of its sides."""
    pictures(folder / 'images' / 'train')
    labels = folder / 'labels' / 'train'
    labels.mkdir(parents=True)
    points = ' '.join(f'{value / SIDE:.4f}' for corner in CORNERS for value in corner)
    for name in NAMES:
        (labels / f'{name}.txt').write_text(f'0 {points}\n')
    (folder / 'data.yaml').write_text('train: images/train\nnames: [nodule]\n')


def cvat(folder: Path) -> None:
    """One XML file."""
    pictures(folder)
    left, top, right, bottom = BOX
    box = f'<box label="nodule" xtl="{left}" ytl="{top}" xbr="{right}" ybr="{bottom}" z_order="0"/>'
    entries = [
        f'<image id="{i}" name="{name}.png" width="{SIDE}" height="{SIDE}">{box}</image>'
        for i, name in enumerate(NAMES)
    ]
    labels = '<labels><label><name>nodule</name></label></labels>'
    head = f'<annotations><meta><task>{labels}</task></meta>'
    (folder / 'annotations.xml').write_text('\n'.join([head, *entries, '</annotations>']))
