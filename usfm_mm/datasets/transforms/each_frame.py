"""Transforms of single images on all frames of a clip alike."""

from collections.abc import Callable, Sequence

import numpy as np
from mmcv.transforms import BaseTransform, Compose

from usfm_mm.datasets.seeding import reseed, seeded
from usfm_mm.registry import TRANSFORMS

_CHANNELS = 4  # that OpenCV warps at once


@TRANSFORMS.register_module()
class EachFrame(BaseTransform):
    """Applies transforms of ``results['img']`` to each frame, with the same random numbers.

    So all frames of a clip are turned, cut and flipped alike, as a probe held otherwise would give
    them.

    Args:
        transforms: Of any host, of single images.
        together: Grey frames go through four at a time, as the channels of one image, which takes
            half the time: for transforms that do the same to all channels, whatever their number.

    Example:
        >>> flip = dict(type='mmpretrain.RandomFlip', prob=1.0)
        >>> import mmpretrain.datasets  # registers it
        >>> EachFrame([flip])(dict(frames=[np.array([[[1], [2]]], np.uint8)]))['frames'][0].tolist()
        [[[2], [1]]]
    """

    def __init__(self, transforms: Sequence[dict | Callable], together: bool = False) -> None:
        self.transforms = Compose(transforms)
        self.together = together

    def transform(self, results: dict) -> dict:
        """Transform.

        Args:
            results: With ``frames``, a list of uint8 [H, W, C], C being 1 with ``together``.

        Returns:
            ``results`` with the frames transformed, and ``img_shape``.

        Raises:
            RuntimeError: A transform returned None.
        """
        seed = int(np.random.randint(2**32, dtype=np.uint64))
        frames = []
        with seeded(seed):  # once: keeping the generators takes longer than seeding them
            for frame in self._joined(results['frames']):
                reseed(seed)
                single = self.transforms(dict(results, img=frame, img_shape=frame.shape[:2]))
                if single is None:
                    raise RuntimeError(f'a transform returned None for {results.get("img_path")}')
                frames += self._parted(single['img'])
        results['frames'] = frames
        results['img_shape'] = frames[0].shape[:2]
        return results

    def _joined(self, frames: list[np.ndarray]) -> list[np.ndarray]:
        if not self.together:
            return frames
        starts = range(0, len(frames), _CHANNELS)
        return [np.concatenate(frames[i : i + _CHANNELS], axis=2) for i in starts]

    def _parted(self, image: np.ndarray) -> list[np.ndarray]:
        if not self.together or image.ndim == 2:  # OpenCV drops a last axis of length 1
            return [image]
        return list(np.moveaxis(image, 2, 0))

    def __repr__(self) -> str:
        return f'EachFrame({self.transforms!r}, together={self.together})'
