"""Frames of an image or a clip."""

from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from usfm_mm.io.image import read_grey
from usfm_mm.registry import TRANSFORMS
from usfm_mm.sampling import spread_evenly


@TRANSFORMS.register_module()
class LoadFrames(BaseTransform):
    """Reads an image, or some frames of a clip, as grey in equal channels.

    Args:
        num_frames: Of a clip at most; an image has one.
        random: Draw other frames each time, from NumPy's generator, kept in their order; else take
            those that are spread evenly over the clip, always the same ones.
        channels: 1 or 3.

    Raises:
        ValueError: At initialisation, an argument is out of range.
        BadImageError: On reading, an image is damaged.

    Example:
        >>> LoadFrames(num_frames=4, random=True)
        LoadFrames(num_frames=4, random=True, channels=3)
    """

    def __init__(self, num_frames: int = 1, random: bool = False, channels: int = 3) -> None:
        if num_frames < 1 or channels not in (1, 3):
            raise ValueError(
                f'num_frames must be at least 1 and channels 1 or 3, got {num_frames}, {channels}'
            )
        self.num_frames, self.random, self.channels = num_frames, random, channels

    def transform(self, results: dict) -> dict:
        """Read.

        Args:
            results: With ``img_path`` and ``num_frames``, as ``usfm_mm.TableDataset`` has them.

        Returns:
            ``results`` with ``frames``, a list of uint8 [H, W, channels], ``frame_numbers`` of
            these and ``ori_shape``.
        """
        total, source = results['num_frames'], Path(results['img_path'])
        if total == 0:
            numbers, paths = [0], [source]
        else:
            numbers = self._choose(total)
            paths = [source / f'{number:05d}.png' for number in numbers]
        grey = [read_grey(path) for path in paths]
        results['frames'] = [
            image[..., None] if self.channels == 1 else cv2.merge([image] * 3) for image in grey
        ]
        results['frame_numbers'] = numbers
        results['ori_shape'] = grey[0].shape
        return results

    def _choose(self, total: int) -> list[int]:
        if not self.random or total <= self.num_frames:
            return spread_evenly(total, self.num_frames)
        return sorted(np.random.choice(total, self.num_frames, replace=False).tolist())

    def __repr__(self) -> str:
        return (
            f'LoadFrames(num_frames={self.num_frames}, random={self.random}, '
            f'channels={self.channels})'
        )
