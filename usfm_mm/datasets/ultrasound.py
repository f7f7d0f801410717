"""Ultrasound images of an index, for pre-training."""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
from mmengine.dataset import Compose
from mmengine.logging import print_log
from torch.utils.data import Dataset

from usfm_mm.datasets.bad_images import BadImageCounter
from usfm_mm.datasets.organ_table import OrganTable, read_organ_table
from usfm_mm.datasets.seeding import SeededIndex, seeded
from usfm_mm.io.image import BadImageError, read_grey
from usfm_mm.io.packed import PACKED_NAME, packed_images
from usfm_mm.registry import DATASETS


@DATASETS.register_module()
class UltrasoundDataset(Dataset):
    """Images listed in ``index.parquet`` or ``index.csv``, as PNG files or packed.

    An item is what the pipeline makes of a dict with ``img`` (uint8 [H, W, channels]),
    ``img_path``, ``organ``, ``organ_id`` (its position in ``metainfo['organs']``) and
    ``sample_idx``. The pipeline's random numbers come from the draw's own seed where the index is
    a :class:`~usfm_mm.datasets.seeding.SeededIndex` or ``seed`` is given, so that an item does not
    depend on the worker that makes it.

    A missing or broken image is replaced by another one of its organ, logged once per process,
    and counted over all workers in ``num_bad``. The count is that of this data set object and of
    the workers forked or spawned from it by a data loader.

    Where an index is newer than the packed images and the files lie beside them, a warning says
    that the pixels may be out of date.

    The table lives in Arrow and numpy buffers that forked workers share. A pickled data set reads
    the index again.

    Args:
        data_root: Folder that the paths of the index start from.
        pipeline: Transforms, as for every OpenMMLab data set.
        index: The index where it is not ``index.parquet`` or ``index.csv`` under ``data_root``; a
            relative path is looked up there first, then from the working folder.
        split: Take these images only. By the index's column ``split``; without that column,
            'train' or 'val', see ``val_fraction``.
        organs: Take these organs only, and number them in this order; all, sorted, by default.
        channels: 1, or 3 equal ones.
        seed: A fixed seed for every image, for validation; None leaves it to the sampler.
        val_fraction: Share of each organ's images held out as 'val' where the index has no
            column ``split``; always the same ones, and no patient is split. See
            :func:`~usfm_mm.curation.split.val_split`.
        max_bad_fraction: More bad draws than this, and at least 10, are an error.
        packed: Read from ``images.lmdb`` under ``data_root``, or in its folders ``shard_…``; by
            default where that exists.

    Raises:
        ValueError: At initialisation, for an index that cannot be used (see
            :func:`~usfm_mm.io.index.read_index`), a split that is unknown, empty or
            misspelt (see :func:`~usfm_mm.io.index.check_splits`), or an organ without
            images. Of an organ that was not asked for by ``organs``, only training must have some.
        FileNotFoundError: There is no index or, with ``packed=True``, no packed store.
        RuntimeError: On reading, when there are too many bad images.
    """

    def __init__(
        self,
        data_root: str | os.PathLike,
        pipeline: Sequence[dict | Callable] = (),
        index: str | os.PathLike | None = None,
        split: str | None = None,
        organs: Sequence[str] | None = None,
        channels: int = 1,
        seed: int | None = None,
        val_fraction: float = 0.01,
        max_bad_fraction: float = 0.01,
        packed: bool | None = None,
        lazy_init: bool = False,
    ) -> None:
        if channels not in (1, 3):
            raise ValueError(f'channels must be 1 or 3, got {channels}')
        self.data_root = os.fspath(data_root)
        self.index = index
        self.split = split
        self.channels = channels
        self.seed = seed
        self.val_fraction = val_fraction
        self.max_bad_fraction = max_bad_fraction
        self.pipeline = Compose(pipeline)
        self.packed = None if packed is False else packed_images(data_root)
        if packed and self.packed is None:
            raise FileNotFoundError(
                f'no packed images at {Path(data_root) / PACKED_NAME}: make them with '
                '"usfm pack pack", or pass packed=False'
            )
        self._organs = None if organs is None else list(organs)
        self._counter = BadImageCounter(max_bad_fraction)
        self._reported: set[int] = set()
        self._table: OrganTable | None = None
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Read the index, unless that is done."""
        if self._table is None:
            self._table = read_organ_table(
                self.data_root, self.index, self.split, self._organs, self.val_fraction
            )
            self._check_packed(self._table)

    @property
    def table(self) -> OrganTable:
        """Paths and organs of the images."""
        self.full_init()
        assert self._table is not None
        return self._table

    @property
    def metainfo(self) -> dict:
        """``organs``: names, in the order of ``organ_id``."""
        return {'organs': list(self.table.organs)}

    @property
    def organ_ids(self) -> np.ndarray:
        """Organ of every image, int32 [N]."""
        return self.table.organ_ids

    @property
    def organ_counts(self) -> dict[str, int]:
        """Images of each organ."""
        names = self.table.organs
        counts = np.bincount(self.organ_ids, minlength=len(names))
        return dict(zip(names, counts.tolist(), strict=True))

    @property
    def num_bad(self) -> int:
        """Draws so far, over all workers, that met a bad image and took another one instead."""
        return self._counter.bad

    def __len__(self) -> int:
        """Number of images."""
        return len(self.table.paths)

    def get_data_info(self, idx: int) -> dict:
        """``img_path`` (relative to the data root), ``organ``, ``organ_id``, ``sample_idx``."""
        organ_id = int(self.organ_ids[idx])
        return {
            'img_path': self.table.paths[int(idx)].as_py(),
            'organ': self.table.organs[organ_id],
            'organ_id': organ_id,
            'sample_idx': int(idx),
        }

    def __getitem__(self, idx: int) -> dict:
        """One image after the pipeline.

        Args:
            idx: Position in the data set; as ``SeededIndex``, with the draw's seed.
        """
        seed = self._seed_of(idx)
        results = self._load(int(idx), seed)
        with nullcontext() if seed is None else seeded(seed):
            item = self.pipeline(results)
        if item is None:
            raise RuntimeError(f'the pipeline returned None for {results["img_path"]}')
        return item

    def __getstate__(self) -> dict:
        # A spawned worker reads the index again: that is faster than shipping the table.
        return {**self.__dict__, '_table': None}

    def _check_packed(self, table: OrganTable) -> None:
        # Where there are no files beside the store, as in a database, none can have changed.
        if self.packed is None or not Path(self.data_root, table.paths[0].as_py()).is_file():
            return
        store = Path(self.packed.path)
        if table.index.stat().st_mtime > store.stat().st_mtime:
            print_log(
                f'{table.index} is newer than {store}, which the pixels are read from: if images '
                f'have changed since, {self._how_to_read_files()}',
                logger='current',
                level=logging.WARNING,
            )

    def _how_to_read_files(self) -> str:
        return (
            f'pack them again with "usfm pack pack {self.data_root}", or read '
            'the files with packed=False'
        )

    def _seed_of(self, idx: int) -> int | None:
        if isinstance(idx, SeededIndex):
            return idx.seed
        if self.seed is None:
            return None
        return int(np.random.SeedSequence([self.seed, int(idx)]).generate_state(1)[0])

    def _load(self, idx: int, seed: int | None) -> dict:
        replacements = None
        while True:
            self._counter.count_draw()
            results = self.get_data_info(idx)
            try:
                image = self._read(results['img_path'])
                break
            except BadImageError as error:
                self._report(idx, results['img_path'], error)
            if replacements is None:
                same_organ = np.flatnonzero(self.organ_ids == results['organ_id'])
                # From the draw's seed: the replacement is the same after a restart.
                draw = np.random.randint(2**32, dtype=np.uint64) if seed is None else seed
                replacements = np.random.default_rng([int(draw), idx])
            idx = int(replacements.choice(same_organ))
        results['img'] = image[..., None] if self.channels == 1 else cv2.merge([image] * 3)
        results['img_shape'] = image.shape
        return results

    def _read(self, path: str) -> np.ndarray:
        if self.packed is not None:
            return self.packed.read(path)
        return read_grey(f'{self.data_root}/{path}', self._table.bits if self._table else None)

    def _report(self, idx: int, path: str, error: BadImageError) -> None:
        self._counter.count_bad()
        if idx not in self._reported:
            self._reported.add(idx)
            print_log(f'image skipped: {path}: {error}', logger='current', level=logging.WARNING)
        if self._counter.too_many():
            examples = ', '.join(self.table.paths[i].as_py() for i in sorted(self._reported)[:5])
            remedy = (
                'Check data_root; "usfm index" verifies every image, lists the bad '
                'ones and leaves them out of the index'
                if self.packed is None
                else f'If images have been added or changed, {self._how_to_read_files()}'
            )
            raise RuntimeError(
                f'{self._counter.bad} of {self._counter.draws} images drawn from {self.data_root} '
                f'are missing or broken, more than max_bad_fraction={self.max_bad_fraction}; for '
                f'instance {examples} ({error}). {remedy}'
            )
