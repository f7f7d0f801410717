"""Transforms of single images on all frames of a clip alike."""

from collections.abc import Callable, Sequence

import numpy as np
from mmcv.transforms import BaseTransform, Compose

from usfm_mm.datasets.seeding import reseed, seeded
from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class EachFrame(BaseTransform):
    """Applies transforms of ``results['img']`` to each frame, with the same random numbers.

    So all frames of a clip are turned, cut and flipped alike, as a probe held otherwise would give
    them.

    Args:
        transforms: Of any host, of single images.

    Example:
        >>> flip = dict(type='mmpretrain.RandomFlip', prob=1.0)
        >>> import mmpretrain.datasets  # registers it
        >>> EachFrame([flip])(dict(frames=[np.array([[[1], [2]]], np.uint8)]))['frames'][0].tolist()
        [[[2], [1]]]
    """

    def __init__(self, transforms: Sequence[dict | Callable]) -> None:
        self.transforms = Compose(transforms)

    def transform(self, results: dict) -> dict:
        """Transform.

        Args:
            results: With ``frames``, a list of uint8 [H, W, C].

        Returns:
            ``results`` with the frames transformed, and ``img_shape``.

        Raises:
            RuntimeError: A transform returned None.
        """
        seed = int(np.random.randint(2**32, dtype=np.uint64))
        frames = []
        with seeded(seed):  # once: keeping the generators takes longer than seeding them
            for frame in results['frames']:
                reseed(seed)
                single = self.transforms(dict(results, img=frame, img_shape=frame.shape[:2]))
                if single is None:
                    raise RuntimeError(f'a transform returned None for {results.get("img_path")}')
                frames.append(single['img'])
        results['frames'] = frames
        results['img_shape'] = frames[0].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'EachFrame({self.transforms!r})'
