"""From a pipeline's results to what a batch is made of."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackUltrasound(BaseTransform):
    """Keep what the model needs, as tensors and numbers that torch's default collation stacks.

    From ``img`` [H, W, C] comes ``inputs`` [C, H, W], of the same type; ``organ_id`` and
    ``sample_idx`` stay; ``patch_mask`` [h, w] and ``bands`` [num_bands], both bool, come along
    where a transform drew them.
    """

    def transform(self, results: dict) -> dict:
        """Return a new dict; see the class."""
        image = np.ascontiguousarray(results['img'].transpose(2, 0, 1))
        packed = {
            'inputs': torch.from_numpy(image),
            'organ_id': results['organ_id'],
            'sample_idx': results['sample_idx'],
        }
        for key in ('patch_mask', 'bands'):
            if key in results:
                packed[key] = torch.from_numpy(results[key])
        return packed

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
