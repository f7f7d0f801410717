"""All images that were read, in memory, and the index of those that stay."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from usfm_mm.database.identity import DIGEST_BYTES
from usfm_mm.database.journal import LABELS, Journal
from usfm_mm.database.likeness import HASH_BYTES, PHASH_COLUMN
from usfm_mm.database.shards import merged_from, place_of, shard_name
from usfm_mm.database.split import stable_split
from usfm_mm.database.store import image_path
from usfm_mm.io.index import codes

SPACING_COLUMNS = ('_row_mm', '_column_mm')
"""Height and width of a pixel in mm, where the header tells; ignored by the data set."""


@dataclass
class Images:
    """Every image that was read, in order of precedence.

    Attributes:
        name: Keyed hashes of the pixels, S32 hexadecimal [N].
        phash: uint8 [N, 32].
        file: The file's keyed hash, S32 [N].
        frame: int32 [N].
        moments: Mean grey level and mean squared grey level, float64 [N, 2].
        spacing: Height and width of a pixel in mm, NaN where not known, float32 [N, 2].
        labels: Dictionary-encoded organ, center, device, patient, study.
        shards: How many hold them; 0: they are in the database's own folder.
    """

    name: np.ndarray
    phash: np.ndarray
    file: np.ndarray
    frame: np.ndarray
    moments: np.ndarray
    spacing: np.ndarray
    labels: dict[str, pa.DictionaryArray]
    shards: int = 0

    def path(self, row: int) -> str:
        """Path of an image in the database."""
        path = image_path(bytes.fromhex(self.name[row].decode()))
        return f'{shard_name(self._place(row))}/{path}' if self.shards else path

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Position of the shard that holds each, int64 [N]; 0 where there are no shards."""
        if not self.shards:
            return np.zeros(len(rows), np.int64)
        return np.array([self._place(row) for row in rows.tolist()], np.int64)

    def _place(self, row: int) -> int:
        return place_of(bytes.fromhex(self.file[row].decode()), self.shards)


def load_images(journal: Journal) -> Images:
    """All images of a journal."""
    count = journal.count('images')
    images = Images(
        name=np.empty(count, f'S{2 * DIGEST_BYTES}'),
        phash=np.empty((count, HASH_BYTES), np.uint8),
        file=np.empty(count, f'S{2 * DIGEST_BYTES}'),
        frame=np.empty(count, np.int32),
        moments=np.empty((count, 2)),
        spacing=np.empty((count, 2), np.float32),
        labels={},
        shards=merged_from(journal),
    )
    indices = np.empty((len(LABELS), count), np.int32)
    names: list[dict[str | None, int]] = [{} for _ in LABELS]
    for i, row in enumerate(journal.images()):
        file, frame, name, phash, mean, square, row_mm, column_mm, *labels = row
        images.name[i], images.file[i], images.frame[i] = name.hex(), file.hex(), frame
        images.phash[i] = np.frombuffer(phash, np.uint8)
        images.moments[i] = mean, square
        images.spacing[i] = row_mm, column_mm  # None becomes NaN
        for j, label in enumerate(labels):
            indices[j, i] = -1 if label is None else names[j].setdefault(label, len(names[j]))
    for name, values, index in zip(LABELS, names, indices, strict=True):
        images.labels[name] = pa.DictionaryArray.from_arrays(
            pa.array(index, mask=index < 0), pa.array(list(values), pa.string())
        )
    return images


def index_of(images: Images, kept: np.ndarray, val_fraction: float) -> pa.Table:
    """Index of the images in rows ``kept``, with a column ``split``."""
    columns: dict[str, Any] = {'path': pa.array(map(images.path, kept.tolist()), pa.string())}
    for name in LABELS:
        column = images.labels[name].take(pa.array(kept))
        # Without the names that no image has any more: they would appear as organs.
        columns[name] = column.cast(pa.string()).dictionary_encode()
    organs, _ = codes(pa.chunked_array([columns['organ']]))
    patients = columns['patient'].to_pylist()
    val = stable_split(organs, patients, images.name[kept].tolist(), val_fraction)
    columns['split'] = pa.array(np.where(val, 'val', 'train'), pa.string()).dictionary_encode()
    columns['_study'] = columns.pop('study')
    columns['_file'] = pa.array(images.file[kept].astype(str), pa.string()).dictionary_encode()
    columns['_frame'] = pa.array(images.frame[kept])
    for axis, name in enumerate(SPACING_COLUMNS):
        mm = images.spacing[kept, axis]
        columns[name] = pa.array(mm, mask=np.isnan(mm))
    columns[PHASH_COLUMN] = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(HASH_BYTES), len(kept), [None, pa.py_buffer(images.phash[kept].tobytes())]
    )
    return pa.table(columns)
