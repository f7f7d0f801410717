"""What the metrics of single images share: exact gathering over ranks and a table of images."""

import logging
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from usfm_mm.io.table import write_table


class PerImageMetric(BaseMetric):
    """A metric computed of one row per image, each image counted once on any number of ranks.

    A sampler that pads the ranks to equal length gives some images twice; rows of the same
    ``img_path`` are one image. The rows are sorted by path, so that neither the number of ranks nor
    the batch size changes the result.

    Args:
        csv_path: Where to write the table of images; None for none.
        kwargs: ``prefix``, ``collect_device`` and ``collect_dir``, as in mmengine.

    Attributes:
        per_image: After an evaluation, on the main rank: a dict per image with ``image`` (its path)
            and the columns of the table.
    """

    # An empty prefix: the keys are DSC and F1, and save_best='DSC' finds them.
    default_prefix = ''
    results: list

    def __init__(self, csv_path: str | Path | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.csv_path = csv_path
        self.per_image: list[dict[str, Any]] = []

    def evaluate(self, size: int) -> dict[str, float]:
        """Gather the rows of all ranks and compute the metrics.

        Args:
            size: Images of the data set. Another number of different images is logged as a
                warning.

        Returns:
            Name and value of each metric, the same on all ranks.
        """
        self._size = size
        # One entry per rank: mmengine cuts a longer list at the data set's size, which is exact
        # only for samplers that deal out the images in turn.
        self.results = [self.results]
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: list[list[dict]]) -> dict[str, float]:
        """Compute the metrics on the main rank.

        Args:
            results: The rows of each rank.

        Raises:
            ValueError: If there is no image.
        """
        rows = {row['image']: row for row in chain.from_iterable(results)}
        if not rows:
            raise ValueError(
                f'{type(self).__name__} got no image: is the data set of this evaluation empty?'
            )
        if len(rows) != self._size:
            print_log(
                f'{type(self).__name__}: {len(rows)} different images were evaluated, but the data '
                f'set lists {self._size}; are images listed twice, or is drop_last on?',
                logger='current',
                level=logging.WARNING,
            )
        metrics = self.summarise([rows[path] for path in sorted(rows)])
        if self.csv_path is not None:
            write_table(self.csv_path, self.per_image)
        return metrics

    def summarise(self, rows: list[dict]) -> dict[str, float]:
        """Compute the metrics of all images and set ``per_image``.

        Args:
            rows: One per image, as ``process`` has appended them, sorted by ``image``.
        """
        raise NotImplementedError

    def class_names(self, count: int) -> list[str]:
        """Names of ``count`` classes, the data set's where it tells."""
        names = (self.dataset_meta or {}).get('classes')
        return [f'class_{n}' for n in range(count)] if names is None else list(names)


def image_path(sample: Any) -> str:
    """The file that a data sample was read from.

    Args:
        sample: Data sample of mmseg or mmpretrain, or the dict that mmengine's evaluator makes of
            it.

    Raises:
        ValueError: If the sample doesn't say.
    """
    path = sample.get('img_path')
    if path is None:
        raise ValueError(
            "a data sample has no img_path: add 'img_path' to meta_keys of the pipeline's last "
            'step (PackSegInputs or PackInputs)'
        )
    return str(path)


def numbers(values: Iterable[Any]) -> list[float]:
    """Python floats, which CSV and JSON write in full."""
    return [float(value) for value in np.asarray(values, dtype=np.float64)]
