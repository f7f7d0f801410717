"""Classification metrics with their uncertainty."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from usfm_mm.evaluation.classification import (
    MEASURES,
    bootstrap_std,
    class_scores,
    confusion_matrix,
)
from usfm_mm.evaluation.patients import mean, of_patients, same
from usfm_mm.evaluation.per_class import class_rows, macro
from usfm_mm.evaluation.per_image import PerImageMetric, image_path, numbers
from usfm_mm.registry import METRICS


@METRICS.register_module()
class BootstrapClsMetric(PerImageMetric):
    """ACC, macro Recall, PREC and F1, and MCC in %, each with a bootstrap standard deviation.

    The values are scikit-learn's, see :func:`~usfm_mm.evaluation.classification.class_scores`.
    ``ACC_std`` and so on are standard deviations over resamples of the images with replacement.
    ``AUC`` and ``AP`` are means over the classes, each against all others.
    The predicted class is that of the highest score. For one label per image. Where samples name
    patients with several images or clips, ``patient/ACC`` and so on are the measures of patients:
    the class of the highest mean score; those whose own labels differ are left out.

    The table has per image ``truth``, ``prediction`` (names), ``score`` (of the prediction) and the
    score of each class as ``score_<class>``.

    Args:
        num_bootstraps: Resamples.
        seed: Of the resampling.
        csv_path: Where to write the table of images; None for none.
        kwargs: ``prefix``, ``collect_device`` and ``collect_dir``, as in mmengine.

    Raises:
        ValueError: If ``num_bootstraps`` is below 2.

    Attributes:
        confusion: After an evaluation, on the main rank: int64 ``[K, K]`` counts, rows truth.
        labels: And the class names, K.
        per_class: And a row for each class: ``class``, ``images``, and what
            :func:`~usfm_mm.evaluation.per_class.class_rows` tells.
    """

    def __init__(
        self,
        num_bootstraps: int = 1000,
        seed: int = 0,
        csv_path: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        if num_bootstraps < 2:
            raise ValueError(f'num_bootstraps must be at least 2, got {num_bootstraps}')
        super().__init__(csv_path, **kwargs)
        self.num_bootstraps = num_bootstraps
        self.seed = seed
        self.confusion: np.ndarray | None = None
        self.labels: list[str] = []
        self.per_class: list[dict[str, Any]] = []

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep label and scores of a batch.

        Args:
            data_batch: Not used.
            data_samples: mmpretrain's data samples with ``gt_label``, ``pred_score`` and
                ``img_path``.

        Raises:
            ValueError: If a sample lacks one of these, has several labels or scores that are no
                numbers; the message names the image.
        """
        for sample in data_samples:
            path = image_path(sample)
            truth, scores = sample.get('gt_label'), sample.get('pred_score')
            if truth is None or scores is None:
                raise ValueError(
                    f'{path}: the data sample has no '
                    f'{"gt_label" if truth is None else "pred_score"}; BootstrapClsMetric needs a '
                    "labelled data set and a model that predicts scores, as mmpretrain's ClsHead"
                )
            if truth.numel() != 1 or sample.get('gt_score') is not None:
                raise ValueError(
                    f'{path}: BootstrapClsMetric is for one label per image, this one has '
                    f"{truth.tolist()}; for several use mmpretrain's MultiLabelMetric"
                )
            scores = numbers(scores.float().cpu())
            label = int(truth)
            if not np.isfinite(scores).all():
                raise ValueError(f'{path}: the scores are not finite; did the training diverge?')
            if not 0 <= label < len(scores):
                raise ValueError(f'{path}: label {label}, but the model has {len(scores)} classes')
            patient = sample.get('patient') or ''
            self.results.append(dict(image=path, patient=patient, truth=label, scores=scores))

    def summarise(self, rows: list[dict]) -> dict[str, float]:
        """Measures of all images and their bootstrap."""
        truth = np.asarray([row['truth'] for row in rows])
        scores = np.asarray([row['scores'] for row in rows])
        prediction = scores.argmax(1)
        self.labels = self.class_names(scores.shape[1])
        if len(self.labels) != scores.shape[1]:
            raise ValueError(
                f'the model scores {scores.shape[1]} classes, but the data set names '
                f"{len(self.labels)}: {', '.join(self.labels)}; set the head's num_classes"
            )
        missing = [label for n, label in enumerate(self.labels) if n not in truth]
        if missing:
            print_log(
                f'BootstrapClsMetric: no image is of class {", ".join(missing)}. Macro averages '
                'are over the classes that occur'
                + (', and MCC is 0 where there is one.' if len(set(truth)) == 1 else '.'),
                logger='current',
                level=logging.WARNING,
            )
        self.confusion = confusion_matrix(truth, prediction, len(self.labels))
        self.per_class = class_rows(truth, scores, self.labels)
        _tell_collapse(truth, prediction, self.labels)
        self.per_image = [
            dict(
                image=row['image'],
                truth=self.labels[row['truth']],
                prediction=self.labels[chosen],
                score=row['scores'][chosen],
                **{
                    f'score_{label}': score
                    for label, score in zip(self.labels, row['scores'], strict=True)
                },
            )
            for row, chosen in zip(rows, prediction.tolist(), strict=True)
        ]
        values = numbers(class_scores(self.confusion))
        stds = numbers(bootstrap_std(self.confusion, self.num_bootstraps, self.seed))
        metrics = {}
        for name, value, std in zip(MEASURES, values, stds, strict=True):
            metrics[name] = value
            metrics[f'{name}_std'] = std
        return metrics | macro(self.per_class) | self._of_patients(rows)

    def _of_patients(self, rows: list[dict]) -> dict[str, float]:
        patients, left_out = of_patients(rows, same, mean)
        if left_out:
            print_log(
                f'BootstrapClsMetric: {left_out} patients have images or clips of several classes '
                'and are left out of the measures of patients',
                logger='current',
                level=logging.INFO,
            )
        if not patients:
            return {}
        truth, scores = (np.asarray([row[key] for row in patients]) for key in ('truth', 'scores'))
        confusion = confusion_matrix(truth, scores.argmax(1), len(self.labels))
        return {
            f'patient/{name}': value
            for name, value in zip(MEASURES, numbers(class_scores(confusion)), strict=True)
        }


def _tell_collapse(truth: np.ndarray, prediction: np.ndarray, labels: Sequence[str]) -> None:
    """Say plainly where all images get one answer: ACC hides it where that class is frequent."""
    if len(set(prediction.tolist())) > 1 or len(set(truth.tolist())) == 1:
        return
    label = int(prediction[0])
    share = 100 * float((truth == label).mean())
    print_log(
        f'All {len(truth)} images are answered {labels[label]!r}, which is right for {share:.1f} % '
        'of them: the model tells nothing apart. Where classes are rare, train with '
        '--balance-classes',
        logger='current',
        level=logging.WARNING,
    )
