"""Intervals and tests for methods that were trained with several seeds and tested on one test set.

Outcomes are an array ``[S, N]``: for each of S seeds what came out for each of the same N images, a
score such as DSC or an answer such as a class. A measure turns outcomes ``[s, n]`` and the numbers
of their images ``[n]`` into one value, such as the mean, or macro F1 averaged over the seeds.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

Measure = Callable[[np.ndarray, np.ndarray], float]


def mean_measure(outcomes: np.ndarray, images: np.ndarray) -> float:
    """Mean over seeds and images, of outcomes that are scores."""
    return float(outcomes.mean())


def bootstrap_interval(
    outcomes: np.ndarray,
    measure: Measure = mean_measure,
    groups: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval over seeds and test images at once (Efron; Owen 2007 for two ways).

    Both are drawn with replacement in each resample: the seeds, and the patients with all their
    images. The same images are drawn for all seeds, as they were tested on the same ones. With few
    seeds it is too narrow, as any bootstrap; with one seed it is that of the images alone.

    Args:
        outcomes: ``[S, N]``, or ``[S, N, ...]`` for a measure that takes that.
        measure: See the module.
        groups: Patient of each image, N; by default each image stands for itself.
        confidence: Share of the resamples within.
        resamples: How many.
        seed: The same seed gives the same numbers.

    Returns:
        Lower and upper end; NaN where all images are of one patient, which tells of no other.

    Example:
        >>> bootstrap_interval(np.full((3, 5), 80.0))
        (80.0, 80.0)
    """
    rng = np.random.default_rng(seed)
    members = _members(groups, outcomes.shape[1])
    if len(members) < 2:
        return float('nan'), float('nan')
    order, sizes = np.concatenate(members), np.array([len(own) for own in members])
    starts = sizes.cumsum() - sizes
    seeds = len(outcomes)
    values = []
    for _ in range(resamples):
        drawn = rng.integers(seeds, size=seeds)
        patients = rng.integers(len(members), size=len(members))
        before = sizes[patients].cumsum() - sizes[patients]
        places = np.arange(sizes[patients].sum())
        images = order[places + np.repeat(starts[patients] - before, sizes[patients])]
        values.append(measure(outcomes[np.ix_(drawn, images)], images))
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def paired_test(
    first: np.ndarray,
    second: np.ndarray,
    measure: Measure = mean_measure,
    groups: Sequence[Hashable] | None = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> float:
    """Two-sided permutation test of whether two methods differ on these images.

    If they did not, what they give for a patient could be exchanged. It takes the trained models
    as they are: what another seed would change is in :func:`bootstrap_interval` of the difference.

    Args:
        first: ``[S, N]`` of one method.
        second: ``[S, N]`` of the other, the same seeds and images.
        measure: See the module.
        groups: Patient of each image, N; by default each image stands for itself.
        resamples: Of the exchanges; all of them where there are no more.
        seed: The same seed gives the same number.

    Returns:
        p, by SciPy's ``permutation_test``; 1 where all images are of one patient, which tells
        nothing.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> paired_test(np.array([[1.0, 2.0, 3.0]]), np.array([[0.0, 1.0, 2.0]]))  # 2 of 2 ** 3
        0.25
    """
    from scipy.stats import permutation_test

    if first.shape != second.shape:
        raise ValueError(f'outcomes of {first.shape} and {second.shape}: they are not pairs')
    images = np.arange(first.shape[1])
    members = _members(groups, len(images))
    if len(members) < 2:
        return 1.0
    numbers = np.empty(len(images), int)
    for number, own in enumerate(members):
        numbers[own] = number

    def difference(exchanged: np.ndarray, _: np.ndarray) -> float:
        swap = exchanged[numbers] > 0
        return measure(np.where(swap, second, first), images) - measure(
            np.where(swap, first, second), images
        )

    sides = (np.zeros(len(members)), np.ones(len(members)))
    found = permutation_test(
        sides,
        difference,
        permutation_type='samples',
        vectorized=False,
        n_resamples=resamples,
        random_state=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number (Holm 1979): all of them hold at once.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind='stable')
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1) if len(values) else []
    return adjusted.tolist()


def _members(groups: Sequence[Hashable] | None, count: int) -> list[np.ndarray]:
    """Numbers of the images of each group."""
    found: dict[Hashable, list[int]] = {}
    for number, group in enumerate(range(count) if groups is None else groups):
        found.setdefault(group, []).append(number)
    return [np.array(own) for own in found.values()]
