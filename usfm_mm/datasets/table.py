"""Images and clips with labels from a table."""

import csv
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset

from usfm_mm.registry import DATASETS

TARGETS = ('label', 'labels', 'values')


@DATASETS.register_module()
class TableDataset(BaseDataset):
    """Images and clips of a CSV, with one label, several labels or numbers each.

    ``usfm prepare table`` writes the CSV. Its columns are ``file``, a path under ``data_prefix``;
    ``frames``, 0 for an image and else the number of frames of a clip, whose ``file`` is a folder
    of ``00000.png`` and so on; ``patient``, which may be empty; and those of the targets.

    What the pipeline gets: ``img_path``, ``num_frames`` (0 for an image), ``patient``,
    ``sample_idx`` and ``gt_label`` (a number) or ``gt_score`` (a list of floats).

    Args:
        data_root: Folder that the other paths start from.
        ann_file: The CSV.
        data_prefix: Folder of images and clips.
        target: ``'label'``: the class in the column ``label``, by name. ``'labels'``: for each name
            in ``metainfo['classes']`` a column of 0 and 1. ``'values'``: for each a column of
            numbers.
        metainfo: With ``classes``, the names of classes, labels or values.
        pipeline: Transforms.
        test_mode: As in mmengine.

    Raises:
        FileNotFoundError: The CSV, an image or the folder of a clip is missing.
        ValueError: The CSV is empty or lacks a column, a cell is out of range, or ``target`` is
            none of these. Row and column are named.
    """

    def __init__(
        self,
        data_root: str | os.PathLike = '',
        ann_file: str = '',
        data_prefix: str = 'images',
        target: str = 'label',
        metainfo: dict | None = None,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
    ) -> None:
        if target not in TARGETS:
            raise ValueError(f'target is one of {", ".join(TARGETS)}, not {target!r}')
        self.target = target
        super().__init__(
            data_root=os.fspath(data_root),
            ann_file=ann_file,
            data_prefix=dict(img_path=data_prefix),
            metainfo=metainfo,
            pipeline=list(pipeline),
            test_mode=test_mode,
        )

    def load_data_list(self) -> list[dict]:
        """Rows with paths, frames and targets; see the class for errors."""
        path = Path(self.ann_file)
        if not path.is_file():
            raise FileNotFoundError(f'{path}: no such table; "usfm prepare table" writes it')
        names = list(self.metainfo['classes'])
        with path.open(encoding='utf-8', newline='') as file:
            reader = csv.DictReader(file)
            needed = ['label'] if self.target == 'label' else names
            lacking = [c for c in ('file', 'frames', *needed) if c not in (reader.fieldnames or ())]
            if lacking:
                raise ValueError(f'{path} has no column {lacking[0]!r}: prepare the data again')
            rows = [self._row(row, names, f'{path}, line {reader.line_num}') for row in reader]
        if not rows:
            raise ValueError(f'{path} lists nothing: prepare the data again')
        return rows

    def _row(self, row: dict[str, str], names: list[str], place: str) -> dict[str, Any]:
        source = Path(self.data_prefix['img_path'], row['file'])
        if not source.exists():
            raise FileNotFoundError(f'{place}: {source} is missing: prepare the data again')
        told: dict[str, Any] = dict(
            img_path=str(source), num_frames=int(row['frames']), patient=row.get('patient') or ''
        )
        if self.target == 'label':
            if row['label'] not in names:
                raise ValueError(
                    f'{place}, column label: {row["label"]!r} is none of {", ".join(names)}'
                )
            return dict(told, gt_label=names.index(row['label']))
        return dict(told, gt_score=[self._number(row[name], name, place) for name in names])

    def _number(self, cell: str, column: str, place: str) -> float:
        try:
            value = float(cell)
        except ValueError:
            value = float('nan')
        if self.target == 'labels' and value not in (0, 1):
            raise ValueError(f'{place}, column {column}: {cell!r} is neither 0 nor 1')
        if not abs(value) < float('inf'):
            raise ValueError(f'{place}, column {column}: {cell!r} is no number')
        return value

    def get_cat_ids(self, idx: int) -> list[int]:
        """Classes of an item, as mmpretrain's ``ClassBalancedDataset`` asks for them."""
        info = self.get_data_info(idx)
        if 'gt_label' in info:
            return [info['gt_label']]
        return [number for number, value in enumerate(info['gt_score']) if value == 1]
