"""Segmentation measures of one image, by MONAI."""

import math
import warnings
from types import ModuleType

import numpy as np
import torch

from usfm_mm.io.optional import optional_import

MEASURES = ('DSC', 'IoU', 'ACC', 'SEN', 'HD95')
"""Columns of the paper's Table 2; all in % except HD95, in pixels."""

# MONAI's names of the measures that follow from counts of pixels.
_OF_COUNTS = {'DSC': 'f1 score', 'IoU': 'threat score', 'ACC': 'accuracy', 'SEN': 'sensitivity'}


def class_measures(
    truth: np.ndarray,
    prediction: np.ndarray,
    num_classes: int,
    ignore_index: int = 255,
    spacing: tuple[float, float] | None = None,
) -> dict[str, np.ndarray]:
    """Measure each foreground class of an image against all other classes.

    - DSC, IoU, SEN: overlap of the class's two masks, SEN = recall of its pixels.
    - ACC: pixels on which both masks agree, also those outside both.
    - HD95: the larger of the two directed 95th percentiles of the distances from one mask's
      surface to the other's. A mask's surface are those of its pixels that have one of four
      neighbours outside it or lie at the image's border; percentiles are interpolated linearly.

    Where both masks of a class are empty, DSC, IoU, SEN and ACC are 100 and HD95 is 0: so is a
    class that an image of a multi-class set neither has nor gets. Where one of them is empty, DSC,
    IoU and SEN are 0, also SEN where it is the truth's, and HD95 is the diagonal
    sqrt(H^2 + W^2); ACC is as counted.

    Args:
        truth: ``[H, W]`` whole numbers, 0 background, 1 to ``num_classes - 1``, ``ignore_index``.
        prediction: ``[H, W]`` whole numbers of the same range.
        num_classes: With the background.
        ignore_index: Pixels that have this truth count neither in the truth nor in the prediction,
            and not in ACC.
        spacing: Height and width of a pixel in mm, where they are known.

    Returns:
        For each of ``MEASURES``, float64 ``[num_classes - 1]``: in % except HD95, in pixels. With
        ``spacing`` also ``HD95_mm``: as HD95, all distances and the diagonal in mm.

    Raises:
        ValueError: If shapes differ, an image isn't ``[H, W]``, or a label is not one of these
            classes.
        ModuleNotFoundError: If MONAI is not installed.
    """
    if truth.shape != prediction.shape or truth.ndim != 2:
        raise ValueError(
            f'truth is {truth.shape} and prediction {prediction.shape}: they must be [H, W] of one '
            'size; load the annotation in the test pipeline at the size that is predicted'
        )
    valid = truth != ignore_index
    for name, labels in (('truth', truth[valid]), ('prediction', prediction[valid])):
        if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
            raise ValueError(
                f'{name} has labels {labels.min()} to {labels.max()}, but the {num_classes} '
                f'classes are 0 to {num_classes - 1}: a mask holds class numbers, not grey levels'
            )
    metrics = require_monai()
    classes = np.arange(1, num_classes)[:, None, None]
    truths = torch.from_numpy((truth == classes) & valid)
    predictions = torch.from_numpy((prediction == classes) & valid)

    inside = torch.from_numpy(valid)
    # [1, classes, 4]; whole numbers, which float64 carries through the ratios.
    counts = metrics.get_confusion_matrix(
        predictions[None, :, inside].float(), truths[None, :, inside].float()
    ).double()
    measures = {
        name: 100 * metrics.compute_confusion_matrix_metric(monai_name, counts)[0].numpy()
        for name, monai_name in _OF_COUNTS.items()
    }

    has_truth, has_prediction = (masks.flatten(1).any(1).numpy() for masks in (truths, predictions))
    measures['SEN'][~has_truth] = 0.0
    for values in measures.values():
        values[~has_truth & ~has_prediction] = 100.0
    measures['HD95'] = _distances(truths, predictions, (1.0, 1.0))
    if spacing is not None:
        measures['HD95_mm'] = _distances(truths, predictions, spacing)
    return measures


def _distances(
    truths: torch.Tensor, predictions: torch.Tensor, spacing: tuple[float, float]
) -> np.ndarray:
    """HD95 of masks [C, H, W], in the unit of ``spacing``, with the rules for empty ones."""
    empty, also_empty = (~masks.flatten(1).any(1).numpy() for masks in (truths, predictions))
    height, width = truths.shape[1:]
    diagonal = math.hypot(height * spacing[0], width * spacing[1])
    distances = np.where(empty & also_empty, 0.0, diagonal)
    both = ~empty & ~also_empty
    if both.any():
        with warnings.catch_warnings():
            # MONAI 1.5 and 1.6 use an argument of their own that they deprecate.
            warnings.simplefilter('ignore', FutureWarning)
            distances[both] = (
                require_monai()
                .compute_hausdorff_distance(
                    predictions[both][None],
                    truths[both][None],
                    include_background=True,
                    percentile=95,
                    spacing=list(spacing),
                )[0]
                .numpy()
            )
    return distances


def require_monai() -> ModuleType:
    """MONAI's metrics, imported only here: pre-training does without their seconds of import.

    Raises:
        ModuleNotFoundError: If MONAI is not installed; the message says how to.
    """
    return optional_import('monai.metrics', 'measuring segmentation', 'usfm-mm[seg]')
