"""Small data sets on disk."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from usfm_mm.io.image import encode_png
from usfm_mm.io.index import write_index


def write_images(
    root: Path, counts: dict[str, int], size: tuple[int, int] = (40, 48), **columns: list[str]
) -> list[str]:
    """Write images of random pixels and their index; return the paths."""
    rng = np.random.default_rng(0)
    paths, organs = [], []
    for organ, count in counts.items():
        (root / organ).mkdir(parents=True)
        for i in range(count):
            path = f'{organ}/{i:03d}.png'
            (root / path).write_bytes(encode_png(rng.integers(0, 256, size, np.uint8)))
            paths.append(path)
            organs.append(organ)
    write_index(pa.table({'path': paths, 'organ': organs, **columns}), root / 'index.parquet')
    return paths
