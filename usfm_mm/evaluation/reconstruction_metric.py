"""Validation of pre-training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from usfm_mm.registry import METRICS


@METRICS.register_module()
class ReconstructionMetric(BaseMetric):
    """Mean reconstruction errors over the validation images, each counted once on any ranks.

    Reports ``pixel`` (L1 over all pixels), ``masked`` (L1 over masked patches), ``frequency``
    (focal frequency loss) and ``total = pixel + frequency_weight * frequency`` (Eq. 11), all on
    normalised intensities. None has "loss" in its name: mmengine's log would show the mean of the
    last ten values of such a metric.

    Args:
        frequency_weight: The paper's lambda, as in the model.
        kwargs: ``prefix``, ``collect_device`` and ``collect_dir``, as in mmengine.
    """

    default_prefix = 'val'

    def __init__(self, frequency_weight: float = 0.4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frequency_weight = frequency_weight

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the errors of a batch, as ``USFMPretrainer.predict`` returns them.

        Raises:
            ValueError: If an error is not a number.
        """
        for row in data_samples:
            if not np.isfinite(list(row.values())).all():
                raise ValueError(f'the errors of an image are {row}; did the training diverge?')
        self.results.extend(data_samples)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Average over images.

        Args:
            results: One dict per image with ``pixel``, ``masked`` and ``frequency``.
        """
        means = {key: sum(row[key] for row in results) / len(results) for key in results[0]}
        means['total'] = means['pixel'] + self.frequency_weight * means['frequency']
        return means
