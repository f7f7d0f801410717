"""The number of patches that a mask hides, for a model that leaves them out."""

from typing import Any

from mmcv.transforms import BaseTransform

from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CountHidden(BaseTransform):
    """Tells how many patches of an image its mask hides.

    A model that encodes the others alone would have to wait for the GPU to count them. Behind
    mmpretrain's ``SimMIMMaskGenerator``, before ``PackInputs(meta_keys=('num_hidden',))``.

    Example:
        >>> import numpy as np
        >>> CountHidden()(dict(mask=np.eye(4, dtype=int)))['num_hidden']
        4
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``num_hidden``, the count of 1 in ``mask``, ``[h, w]``."""
        results['num_hidden'] = int(results['mask'].sum())
        return results
