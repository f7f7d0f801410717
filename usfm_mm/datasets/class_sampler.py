"""Sampling that balances the classes of images."""

from collections.abc import Sized
from typing import Any

import numpy as np

from usfm_mm.datasets.sampler import OrganBalancedSampler
from usfm_mm.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(OrganBalancedSampler):
    """As :class:`~usfm_mm.datasets.OrganBalancedSampler`, by class: for rare findings.

    What an image is drawn for is its set of classes: with one label its class, with several
    findings those that it has, together.

    Args:
        dataset: Has ``get_cat_ids(index)``, the numbers of an image's classes, as mmpretrain's
            data sets.
        power: 1 draws all classes equally often, 0 all images.
        num_samples: As there.
        seed: As there.

    Raises:
        TypeError: ``dataset`` does not tell classes.
        ValueError: As there.
    """

    def __init__(
        self,
        dataset: Sized,
        power: float = 1.0,
        num_samples: int | None = None,
        seed: int | None = None,
    ) -> None:
        if not hasattr(dataset, 'get_cat_ids'):
            raise TypeError(
                'ClassBalancedSampler needs a data set with get_cat_ids, such as CustomDataset or '
                f'usfm_mm.TableDataset, not {type(dataset).__name__}: leave out --balance-classes'
            )
        super().__init__(_Classes(dataset), power, num_samples, seed)


class _Classes:
    """A data set's classes in the place of organs."""

    def __init__(self, dataset: Any) -> None:
        told = [tuple(dataset.get_cat_ids(index)) for index in range(len(dataset))]
        numbers = {classes: number for number, classes in enumerate(sorted(set(told)))}
        self.organ_ids = np.array([numbers[classes] for classes in told], np.int32)

    def __len__(self) -> int:
        return len(self.organ_ids)
