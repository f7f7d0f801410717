"""Numbers predicted of an image or clip."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from usfm_mm.evaluation.patients import mean, of_patients
from usfm_mm.evaluation.per_image import PerImageMetric, numbers
from usfm_mm.evaluation.table_rows import row_of
from usfm_mm.registry import METRICS

VALUE_MEASURES = ('MAE', 'RMSE', 'R2', 'r')


@METRICS.register_module()
class ValuesMetric(PerImageMetric):
    """MAE and RMSE in the values' own unit, R² and Pearson's r of each value.

    The values are scikit-learn's ``mean_absolute_error``, ``root_mean_squared_error`` and
    ``r2_score``, and NumPy's ``corrcoef``; r is 0 where truth or answer is constant. With several
    values, ``R2`` and ``r`` are means over them, and what has a unit stands by value only. Where
    patients have several items, ``patient/...`` are the same of patients, truth and answer being
    means over the items.

    Args:
        csv_path: Where to write the table of items; None for none.
        kwargs: ``prefix``, ``collect_device`` and ``collect_dir``, as in mmengine.

    Attributes:
        labels: After an evaluation, names of the values.
    """

    def __init__(self, csv_path: Any = None, **kwargs: Any) -> None:
        super().__init__(csv_path, **kwargs)
        self.labels: list[str] = []

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep truth and answer of a batch; see :func:`~usfm_mm.evaluation.table_rows.row_of`."""
        self.results += [row_of(sample, type(self).__name__) for sample in data_samples]

    def summarise(self, rows: list[dict]) -> dict[str, float]:
        """Measures of all items and, where there are any, of patients.

        Raises:
            ValueError: There is one item only, of which R² says nothing.
        """
        self.labels = self.class_names(len(rows[0]['truth']))
        self.per_image = [
            dict(
                image=row['image'],
                patient=row['patient'],
                **{f'truth_{n}': v for n, v in zip(self.labels, row['truth'], strict=True)},
                **{f'value_{n}': v for n, v in zip(self.labels, row['scores'], strict=True)},
            )
            for row in rows
        ]
        metrics = self._measures(rows)
        patients, _ = of_patients(rows, mean, mean)
        if len(patients) > 1:
            metrics |= {f'patient/{k}': v for k, v in self._measures(patients).items()}
        return metrics

    def _measures(self, rows: Sequence[dict]) -> dict[str, float]:
        truth, answers = (np.asarray([row[key] for row in rows]) for key in ('truth', 'scores'))
        found = value_scores(truth, answers)
        means = numbers(found.mean(axis=0))
        if len(self.labels) == 1:
            return dict(zip(VALUE_MEASURES, means, strict=True))
        metrics = dict(list(zip(VALUE_MEASURES, means, strict=True))[2:])
        for own, label in zip(found, self.labels, strict=True):
            values = zip(VALUE_MEASURES, numbers(own), strict=True)
            metrics |= {f'{name}/{label}': value for name, value in values}
        return metrics


def value_scores(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Measures of each value.

    Args:
        truth: [N, K], N at least 2.
        answers: [N, K].

    Returns:
        [K, 4], in the order of ``VALUE_MEASURES``.

    Raises:
        ValueError: There are fewer than two rows.

    Example:
        >>> value_scores(np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]])).round(3).tolist()
        [[0.5, 0.707, 0.5, 1.0]]
    """
    if len(truth) < 2:
        raise ValueError('R² needs two items at least: validate or test on more')
    difference = answers - truth
    mae = np.abs(difference).mean(axis=0)
    mse = (difference**2).mean(axis=0)
    centred, other = truth - truth.mean(axis=0), answers - answers.mean(axis=0)
    spread, other_spread = (centred**2).mean(axis=0), (other**2).mean(axis=0)
    # As scikit-learn: a constant truth has R² 1 where it is met, else 0.
    constant = np.where(mse == 0, 1.0, 0.0)
    r2 = np.where(spread > 0, 1 - mse / np.where(spread > 0, spread, 1), constant)
    scale = np.sqrt(spread * other_spread)
    r = np.where(scale > 0, (centred * other).mean(axis=0) / np.where(scale > 0, scale, 1), 0.0)
    return np.stack([mae, np.sqrt(mse), r2, r], axis=1)
