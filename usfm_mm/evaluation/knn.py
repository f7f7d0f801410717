"""k nearest neighbours on frozen features: what an encoder knows before it is fine-tuned."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.model import BaseModel
from sklearn.neighbors import KNeighborsClassifier

from usfm_mm.inference.feature_space import comparable
from usfm_mm.models.pooling import pool_map


@dataclass
class LabelledFeatures:
    """Features of a data set.

    Attributes:
        features: ``[N, D]`` float32.
        labels: ``[N]`` int64 class indices.
        paths: N image files.
    """

    features: np.ndarray
    labels: np.ndarray
    paths: list[str]


def classifier_features(model: BaseModel, batches: Iterable[dict]) -> LabelledFeatures:
    """Features that a classifier's head would see, without a gradient.

    Args:
        model: mmpretrain's ``ImageClassifier``, or another model with ``data_preprocessor`` and
            ``extract_feat``; in eval mode. The last of its features is taken: a vector ``[B, D]``,
            or mean and standard deviation of a map ``[B, D, h, w]``.
        batches: Of a data loader without shuffling; data samples with ``gt_label``, one per image,
            and ``img_path``.

    Raises:
        ValueError: If there is no image, or the features are neither vectors nor maps, or no
            numbers.
    """
    features, labels, paths = [], [], []
    with torch.no_grad():
        for batch in batches:
            data = model.data_preprocessor(batch, False)
            found = model.extract_feat(data['inputs'])
            last = found[-1] if isinstance(found, (tuple, list)) else found
            if last.ndim == 4:
                last = pool_map(last)
            if last.ndim != 2:
                raise ValueError(
                    f'the model gives features {tuple(last.shape)}: use a backbone with out_type '
                    "'avg_featmap', 'featmap' or 'cls_token'"
                )
            features.append(last.float().cpu().numpy())
            labels += [int(sample.gt_label) for sample in data['data_samples']]
            paths += [str(sample.img_path) for sample in data['data_samples']]
            if not np.isfinite(features[-1]).all():
                raise ValueError(
                    f'features of {paths[-len(last)]} or the images after it are not finite; did '
                    'the training diverge?'
                )
    if not features:
        raise ValueError('the data set has no images')
    return LabelledFeatures(np.concatenate(features), np.asarray(labels), paths)


def knn_scores(
    train: LabelledFeatures, features: np.ndarray, num_classes: int, k: int = 20
) -> np.ndarray:
    """Class scores of images by the labels of their nearest neighbours.

    Features are standardised by those of training
    (:func:`~usfm_mm.inference.feature_space.comparable`). Each neighbour votes with the inverse of
    its cosine distance; where one has the very features of the image, only such ones vote
    (scikit-learn's ``weights='distance'``).

    Args:
        train: Neighbours.
        features: ``[M, D]`` of the images.
        num_classes: K; labels of ``train`` are below it.
        k: Neighbours that vote.

    Returns:
        ``[M, K]`` float64, rows sum to 1.

    Raises:
        ValueError: If there are fewer than ``k`` neighbours.
    """
    if not 1 <= k <= len(train.labels):
        raise ValueError(
            f'k must be between 1 and the {len(train.labels)} training images, got {k}'
        )
    knn = KNeighborsClassifier(n_neighbors=k, metric='cosine', weights='distance')
    knn.fit(comparable(train.features, train.features), train.labels)
    scores = np.zeros((len(features), num_classes))
    scores[:, knn.classes_] = knn.predict_proba(comparable(features, train.features))
    return scores
