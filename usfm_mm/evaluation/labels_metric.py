"""Several findings per image or clip."""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from usfm_mm.evaluation.patients import any_of, of_patients
from usfm_mm.evaluation.per_image import PerImageMetric, numbers
from usfm_mm.evaluation.table_rows import row_of
from usfm_mm.registry import METRICS

LABEL_MEASURES = ('AUC', 'AP', 'F1', 'SEN', 'SPE')


@METRICS.register_module()
class LabelsMetric(PerImageMetric):
    """AUC, AP, F1, SEN and SPE in % of each label, and their means over the labels.

    The values are scikit-learn's: ``roc_auc_score``, ``average_precision_score``, ``f1_score``, and
    ``recall_score`` of the positives and of the negatives. A label whose truth is all 0 or all 1
    lacks AUC and one of the recalls; it is left out of those means, and said. Where patients have
    several items, ``patient/...`` are the same of patients: a label that is true of one item is the
    patient's, and the score is the highest.

    Args:
        threshold: A label is predicted from this score on.
        csv_path: Where to write the table of items; None for none.
        kwargs: ``prefix``, ``collect_device`` and ``collect_dir``, as in mmengine.

    Raises:
        ValueError: If ``threshold`` is not within 0 to 1.

    Attributes:
        labels: After an evaluation, names of the labels.
    """

    def __init__(self, threshold: float = 0.5, csv_path: Any = None, **kwargs: Any) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f'threshold must be within 0 to 1, got {threshold}')
        super().__init__(csv_path, **kwargs)
        self.threshold = threshold
        self.labels: list[str] = []

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep truth and scores of a batch; see :func:`~usfm_mm.evaluation.table_rows.row_of`."""
        self.results += [row_of(sample, type(self).__name__) for sample in data_samples]

    def summarise(self, rows: list[dict]) -> dict[str, float]:
        """Measures of all items and, where there are any, of patients."""
        self.labels = self.class_names(len(rows[0]['truth']))
        self.per_image = [
            dict(
                image=row['image'],
                patient=row['patient'],
                **{f'truth_{n}': int(v) for n, v in zip(self.labels, row['truth'], strict=True)},
                **{f'score_{n}': v for n, v in zip(self.labels, row['scores'], strict=True)},
            )
            for row in rows
        ]
        metrics = self._measures(rows, 'of items')
        patients, _ = of_patients(rows, any_of, any_of)
        if patients:
            metrics |= {
                f'patient/{k}': v for k, v in self._measures(patients, 'of patients').items()
            }
        return metrics

    def _measures(self, rows: Sequence[dict], whose: str) -> dict[str, float]:
        truth, scores = (np.asarray([row[key] for row in rows]) for key in ('truth', 'scores'))
        found = label_scores(truth, scores, self.threshold)
        metrics = {}
        for column, name in enumerate(LABEL_MEASURES):
            known = found[:, column][~np.isnan(found[:, column])]
            if len(known):
                metrics[name] = float(known.mean())
        for own, label in zip(found, self.labels, strict=True):
            values = zip(LABEL_MEASURES, numbers(own), strict=True)
            metrics |= {f'{name}/{label}': v for name, v in values if not np.isnan(v)}
        self._tell_collapse(truth, scores >= self.threshold, whose)
        one_sided = [
            f'{label} is always {int(column[0])}'
            for label, column in zip(self.labels, truth.T, strict=True)
            if (column == column[0]).all()
        ]
        if one_sided:
            print_log(
                f'LabelsMetric {whose}: {", ".join(one_sided)}, and so has no AUC',
                logger='current',
                level=logging.WARNING,
            )
        return metrics

    def _tell_collapse(self, truth: np.ndarray, answers: np.ndarray, whose: str) -> None:
        """Say plainly which findings get one answer for all: F1 hides it where most have them."""
        told = [
            f'{label} ({"yes" if said[0] else "no"}, right for {100 * (said == own).mean():.0f} %)'
            for label, own, said in zip(self.labels, truth.T, answers.T, strict=True)
            if (said == said[0]).all() and not (own == own[0]).all()
        ]
        if told:
            print_log(
                f'LabelsMetric {whose}: all {len(truth)} get one answer on {", ".join(told)}: at '
                f'the threshold of {self.threshold} nothing is told apart. Train for longer or at '
                'a higher rate (--epochs, --lr), and where findings are rare with '
                '--balance-classes',
                logger='current',
                level=logging.WARNING,
            )


def label_scores(
    truth: np.ndarray,
    scores: np.ndarray,
    threshold: float = 0.5,
    answers: np.ndarray | None = None,
) -> np.ndarray:
    """Measures of each label.

    Args:
        truth: [N, K] of 0 and 1.
        scores: [N, K].
        threshold: A label is predicted from this score on.
        answers: [N, K] of 0 and 1, in place of what the threshold gives.

    Returns:
        [K, 5] in %, in the order of ``LABEL_MEASURES``; NaN where one is not defined.

    Example:
        >>> truth, scores = np.array([[0], [1], [1]]), np.array([[0.1], [0.9], [0.3]])
        >>> label_scores(truth, scores).round(1).tolist()
        [[100.0, 100.0, 66.7, 50.0, 100.0]]
    """
    from sklearn import metrics

    found = []
    answers = scores >= threshold if answers is None else answers
    columns = zip(truth.T.astype(int), scores.T, answers.T.astype(int), strict=True)
    for true, score, predicted in columns:
        both = 0 < true.sum() < len(true)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of what is not defined: that is NaN here
            sides = metrics.recall_score(
                true, predicted, labels=[0, 1], average=None, zero_division=np.nan
            )
            f1 = metrics.f1_score(true, predicted, zero_division=0.0)
        auc = metrics.roc_auc_score(true, score) if both else np.nan
        precision = metrics.average_precision_score(true, score) if true.any() else np.nan
        found.append([auc, precision, f1, sides[1], sides[0]])
    return 100 * np.asarray(found, np.float64)
