"""Reading an image of low quality and one of high quality."""

import cv2
from mmcv.transforms import BaseTransform

from usfm_mm.io.image import read_named
from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadImagePair(BaseTransform):
    """Read ``img_A`` and ``img_B`` from ``img_A_path`` and ``img_B_path`` as 8-bit grey.

    mmagic's ``LoadImageFromFile`` decodes what there is of a truncated file and leaves the rest
    grey; here it is an error.

    Args:
        channels: 1, or 3 equal ones, as the generator takes them.

    Raises:
        ValueError: ``channels`` is another number.
    """

    def __init__(self, channels: int = 3) -> None:
        if channels not in (1, 3):
            raise ValueError(f'channels must be 1 or 3, got {channels}')
        self.channels = channels

    def transform(self, results: dict) -> dict:
        """Add the two images, uint8 [H, W, channels].

        Raises:
            BadImageError: A file is missing, cut off or not an image; the message names it.
        """
        for key in ('img_A', 'img_B'):
            image = read_named(results[f'{key}_path'])
            results[key] = image[..., None] if self.channels == 1 else cv2.merge([image] * 3)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(channels={self.channels})'
