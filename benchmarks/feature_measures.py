"""What ``benchmarks.feature_quality`` measures of feature vectors, as functions of arrays."""

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import silhouette_samples
from sklearn.model_selection import GroupKFold

Treatment = Callable[[np.ndarray], np.ndarray]


def spectrum(features: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Share of the first direction, effective rank, and each row's place along that direction.

    The effective rank is the exponential of the entropy of the shares of variance (Roy and
    Vetterli 2007): 1 for a line, D where all directions count alike.
    """
    centred = features - features.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    shares = singular**2 / (singular**2).sum()
    kept = shares[shares > 0]
    return float(shares[0]), float(np.exp(-(kept * np.log(kept)).sum())), left[:, 0]


def treatments(train: np.ndarray) -> dict[str, Treatment]:
    """Ways to prepare vectors before cosines are taken, each fitted on ``train`` [N, D] alone."""
    mean, std = train.mean(axis=0), train.std(axis=0)
    _, singular, rows = np.linalg.svd(train - mean, full_matrices=False)

    def without(count: int) -> Treatment:
        away = rows[:count].T @ rows[:count]
        return lambda x: (x - mean) - (x - mean) @ away

    def whitened(count: int) -> Treatment:
        return lambda x: (x - mean) @ rows[:count].T / (singular[:count] / len(train) ** 0.5)

    return {
        'as it is': lambda x: x,
        'centred': lambda x: x - mean,
        'standardised': lambda x: (x - mean) / np.maximum(std, 1e-6 * std.max()),
        'first direction removed': without(1),
        'first three removed': without(3),
        'PCA whitening, 32': whitened(32),
        'PCA whitening, 64': whitened(64),
    }


def unit(features: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def knn_labels(train: np.ndarray, labels: np.ndarray, asked: np.ndarray, k: int = 10) -> np.ndarray:
    """Labels by k neighbours of the highest cosine, each voting with 1 / (1 - cosine)."""
    cosines = unit(asked) @ unit(train).T
    nearest = np.argsort(-cosines, axis=1, kind='stable')[:, :k]
    weights = 1 / np.maximum(1 - np.take_along_axis(cosines, nearest, axis=1), 1e-9)
    names = np.unique(labels)
    votes = [(weights * (labels[nearest] == name)).sum(axis=1) for name in names]
    return names[np.argmax(votes, axis=0)]


def probe_labels(train: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Labels by logistic regression on standardised features, C = 0.1."""
    standardised = treatments(train)['standardised']
    model = LogisticRegression(C=0.1, max_iter=300, class_weight='balanced')
    return model.fit(standardised(train), labels).predict(standardised(asked))


def in_folds(
    answer: Callable, features: np.ndarray, labels: np.ndarray, groups: np.ndarray, how: str
) -> np.ndarray:
    """Whether each image is answered rightly by the others, in five folds of whole patients.

    Args:
        answer: :func:`knn_labels` or :func:`probe_labels`.
        features: [N, D].
        labels: [N].
        groups: [N] patients, of which none is on both sides.
        how: Of :func:`treatments`, fitted on the other four folds.
    """
    right = np.zeros(len(labels), bool)
    for others, own in GroupKFold(5).split(features, labels, groups):
        treat = treatments(features[others])[how]
        found = answer(treat(features[others]), labels[others], treat(features[own]))
        right[own] = found == labels[own]
    return right


def silhouettes(features: np.ndarray, labels: np.ndarray, how: str) -> np.ndarray:
    """Each image's silhouette, on the distances of vectors of length 1."""
    return silhouette_samples(unit(treatments(features)[how](features)), labels)


class Intervals:
    """Means over classes with 95 % intervals, by drawing whole patients again.

    Args:
        labels: [N] classes of the images.
        groups: [N] patients.
        rounds: Draws.
    """

    def __init__(self, labels: np.ndarray, groups: np.ndarray, rounds: int = 2000) -> None:
        names, which = np.unique(groups, return_inverse=True)
        rng = np.random.default_rng(0)
        drawn = rng.multinomial(len(names), [1 / len(names)] * len(names), size=rounds)
        weights = drawn[:, which].astype(float)
        self.weights = np.concatenate([np.ones((1, len(labels))), weights])
        self.classes = (labels[:, None] == np.unique(labels)).astype(float)

    def draws(self, values: np.ndarray) -> np.ndarray:
        """The mean over classes of ``values`` [N]: first as they are, then of each draw."""
        total = self.weights @ self.classes
        sums = self.weights @ (self.classes * values[:, None])
        # A class that a draw lacks does not count in it.
        return np.nanmean(np.where(total > 0, sums / np.maximum(total, 1), np.nan), axis=1)

    def of(self, values: np.ndarray, less: np.ndarray | None = None) -> tuple[float, float, float]:
        """Mean, lower and upper end; with ``less`` of the difference, image by image."""
        drawn = self.draws(values.astype(float))
        if less is not None:
            drawn = drawn - self.draws(less.astype(float))
        low, high = np.quantile(drawn[1:], (0.025, 0.975))
        return float(drawn[0]), float(low), float(high)
