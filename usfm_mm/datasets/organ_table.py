"""The images of an index that a data set asks for, by organ."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from usfm_mm.curation.split import val_split
from usfm_mm.io.index import codes, find_index, read_about, read_index
from usfm_mm.io.index_checks import check_splits

_HOLD_OUT = (
    'Hold images out for validation: "usfm index" does with --val-fraction 0.1, '
    '"usfm build-database" of organs with 20 images or more; or write "val" into the column '
    '"split" yourself'
)


@dataclass(frozen=True)
class OrganTable:
    """Images in Arrow and NumPy buffers, which forked workers share.

    Attributes:
        paths: N paths, relative to the data root.
        organ_ids: int32 ``[N]``, positions in ``organs``.
        organs: Names.
        index: The file that it was read from.
        bits: In use, where the index tells of images of 16 bits per sample.
    """

    paths: pa.Array
    organ_ids: np.ndarray
    organs: list[str]
    index: Path
    bits: int | None


def read_organ_table(
    data_root: str,
    index: str | os.PathLike | None,
    split: str | None,
    organs: Sequence[str] | None,
    val_fraction: float,
) -> OrganTable:
    """Read the images of a split and of some organs; as ``UltrasoundDataset``, also its errors."""
    where = find_index(data_root, index)
    table = read_index(data_root, index, ('path', 'organ', 'patient', 'split'))
    organ_codes, names = codes(table['organ'])
    rows = _rows_of_split(table, organ_codes, where, split, val_fraction)
    wanted = list(names if organs is None else organs)
    for name in wanted:
        if name not in names:
            raise ValueError(f'{where} has no organ {name!r}; it has {", ".join(names)}')
    renumber = np.full(len(names), -1, np.int32)
    renumber[[names.index(name) for name in wanted]] = np.arange(len(wanted))
    organ_ids = renumber[organ_codes]
    rows &= organ_ids >= 0
    counts = np.bincount(organ_ids[rows], minlength=len(wanted))
    empty = [name for name, count in zip(wanted, counts, strict=True) if count == 0]
    must_be_full = organs is not None or split in (None, 'train')
    if not rows.any() or (empty and must_be_full):
        remedy = 'add images, name another split, or leave the organ out with organs=[…]'
        if split == 'val' and organs is None:
            remedy = _HOLD_OUT
        raise ValueError(
            f'{where} has no images of {", ".join(empty)} in split {split!r}: {remedy}'
        )
    paths = table['path'].chunk(0)
    if not rows.all():
        paths, organ_ids = paths.filter(pa.array(rows)), organ_ids[rows]
    return OrganTable(paths, organ_ids, wanted, where, read_about(where).get('bits'))


def _rows_of_split(
    table: pa.Table, organ_codes: np.ndarray, where: Path, split: str | None, val_fraction: float
) -> np.ndarray:
    if split is None:
        return np.ones(len(table), bool)
    if 'split' in table.column_names:
        check_splits(where, table['split'], split)
        split_codes, splits = codes(table['split'])
        if split not in splits:
            remedy = f'. {_HOLD_OUT}' if split == 'val' else ''
            raise ValueError(
                f'{where} has no split {split!r}; its column "split" has '
                f'{", ".join(splits)}{remedy}'
            )
        return split_codes == splits.index(split)
    if split not in ('train', 'val'):
        raise ValueError(
            f'{where} has no column "split", so that only "train" and "val" can be made of it, '
            f'not {split!r}'
        )
    patients = np.full(len(table), -1, np.int32)
    if 'patient' in table.column_names:
        patients, _ = codes(table['patient'])
    held_out = val_split(organ_codes, patients, val_fraction)
    return held_out if split == 'val' else ~held_out
