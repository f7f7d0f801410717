"""Truth and answer of a data sample with several numbers."""

from typing import Any

import numpy as np

from usfm_mm.evaluation.per_image import image_path, numbers


def row_of(sample: Any, metric: str) -> dict[str, Any]:
    """``image``, ``patient``, ``truth`` and ``scores`` of a data sample.

    Args:
        sample: mmpretrain's, as the evaluator's dict, with ``gt_score`` and ``pred_score``, [K].
        metric: Name for the message.

    Raises:
        ValueError: It lacks one of these, they differ in length, or an answer is no number; the
            message names the image.
    """
    path = image_path(sample)
    truth, scores = sample.get('gt_score'), sample.get('pred_score')
    if truth is None or scores is None:
        raise ValueError(
            f'{path}: the data sample has no {"gt_score" if truth is None else "pred_score"}; '
            f'{metric} is for usfm_mm.TableDataset with several labels or values'
        )
    truths, answers = (numbers(values.float().cpu()) for values in (truth, scores))
    if len(truths) != len(answers):
        raise ValueError(f'{path}: {len(truths)} targets, but the model answers {len(answers)}')
    if not np.isfinite(answers).all():
        raise ValueError(f'{path}: the scores are not finite; did the training diverge?')
    return dict(image=path, patient=sample.get('patient') or '', truth=truths, scores=answers)
