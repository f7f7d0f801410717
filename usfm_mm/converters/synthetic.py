"""Pairs made of prepared data sets by a synthetic loss of quality."""

import csv
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from usfm_mm.converters.degradation import degrade
from usfm_mm.converters.items import ConversionError, Converter, Item, safe_name


def synthetic_pairs(sources: Sequence[Path], seed: int) -> Converter:
    """A converter whose high quality are the images of ``sources``, and whose low quality is made.

    Split, organ and patient stay those of the sources. The noise of an image depends on the seed
    and on its name alone.

    Args:
        sources: Folders made by ``usfm prepare``, with different names.
        seed: Of the noise.

    Raises:
        ConversionError: A folder has no index or two have one name.
    """
    names = [source.resolve().name for source in sources]
    if len(set(names)) < len(names):
        raise ConversionError(f'the sources need different names, these are {", ".join(names)}')
    return Converter(
        name=f'synthetic degradation of {" and ".join(names)}',
        page='',
        licence='that of the sources',
        walk=lambda root: _items(sources, names, seed),
        enhance=True,
        notes=('The low quality is synthetic: speckle, blur, noise and loss of contrast.',),
    )


def _items(sources: Sequence[Path], names: Sequence[str], seed: int) -> Iterator[Item]:
    for source, source_name in zip(sources, names, strict=True):
        index = source / 'index.csv'
        if not index.is_file():
            raise ConversionError(f'{source} has no index.csv: make it with "usfm prepare"')
        with index.open(newline='', encoding='utf-8-sig') as file:
            rows = [row for row in csv.DictReader(file) if row['path'].startswith('images/')]
        if not rows:
            raise ConversionError(f'{index} lists no image in images/: is it a data set of pairs?')
        for row in rows:
            path = source / row['path']
            name = safe_name(f'{source_name}_{path.name}')
            rng = partial(np.random.default_rng, [seed, zlib.crc32(name.encode())])
            yield Item(
                image=path,
                high=path,
                name=name,
                organ=row['organ'],
                patient=f'{source_name} {row["patient"]}',
                split=row['split'],
                degrade=partial(_degraded, rng=rng),
            )


def _degraded(image: np.ndarray, rng: partial) -> np.ndarray:
    return degrade(image, rng())
