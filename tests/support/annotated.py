"""A made-up set of images and masks of two structures, and what is compared with it."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from support.release_files import image
from usfm_mm.commands.prepare_data import main
from usfm_mm.io.image import read_grey

NAMES = [f'case{letter}' for letter in 'abcdefgh']
SHAPE = (40, 50)


def prepare(kind, source, out, *options):
    """Run the command; return the prepared masks by name."""
    main([kind, str(source), str(out), *options])
    return {path.stem: read_grey(path) for path in sorted((Path(out) / 'masks').glob('*.png'))}


def images(folder, names=NAMES):
    """Write one image of noise for each name; return their paths."""
    for name in names:
        image(folder / f'{name}.png', SHAPE)
    return [folder / f'{name}.png' for name in names]


def two_structures(number):
    """A mask with two structures, of which the second touches the first; odd ones have no second.

    Its outline is ragged, so that a pixel too many or too few is seen.
    """
    mask = np.zeros(SHAPE, np.uint8)
    mask[5 : 20 + number, 8:30] = 1
    mask[7, 30] = mask[4, 12] = 1
    if number % 2 == 0:
        mask[18:30, 25:45] = 2
        mask[31, 40] = 2
    return mask


def masked_folder(folder, names=NAMES, classes=('one', 'two')):
    """Write images/ and masks/ of two structures; return the masks by name."""
    images(folder / 'images', names)
    (folder / 'masks').mkdir()
    masks = {name: two_structures(i) for i, name in enumerate(names)}
    for name, mask in masks.items():
        Image.fromarray(mask).save(folder / 'masks' / f'{name}.png')
    return masks


def index_rows(out):
    """Rows of a prepared set's index by name."""
    with (Path(out) / 'index.csv').open(newline='', encoding='utf-8') as file:
        return {Path(row['path']).stem: row for row in csv.DictReader(file)}


def printed(capsys):
    """What was printed, in one line."""
    return ' '.join(capsys.readouterr().out.split())
