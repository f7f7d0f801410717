"""What the tests of the data sets write into miniatures of releases."""

import numpy as np
from PIL import Image

SHAPE = (40, 50)


def image(path, shape=SHAPE):
    """Noise of its own for every name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.name.encode())).integers(0, 256, shape, np.uint8)
    Image.fromarray(noise).save(path)


def mask(path, box, value=255, shape=SHAPE, mode='L'):
    """A mask with a box (y0, y1, x0, x1), and the array that is expected of it."""
    array = np.zeros(shape, np.uint8)
    if box:
        array[box[0] : box[1], box[2] : box[3]] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).convert(mode).save(path)
    return (array > 0).astype(np.uint8)


def lines(path):
    """Words of a file; each is a line in a list of images with masks."""
    return path.read_text().split()


def seg_names(out):
    """Names in each list of images with masks."""
    return {s: set(lines(out / 'splits' / f'seg_{s}.txt')) for s in ('train', 'val', 'test')}
