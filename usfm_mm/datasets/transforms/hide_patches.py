"""SimMIM's mask, with the number of its patches for a model that leaves them out."""

from typing import Any

from mmpretrain.datasets.transforms import SimMIMMaskGenerator

from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class HidePatches(SimMIMMaskGenerator):
    """Draws which patches of an image are hidden, as many in each image.

    mmpretrain's ``SimMIMMaskGenerator``, which also tells their number (``num_hidden``): a model
    that encodes the others alone would have to wait for the GPU to count them. Pack it with
    ``PackInputs(meta_keys=('num_hidden',))``.

    Example:
        >>> draw = HidePatches(64, mask_patch_size=16, model_patch_size=16, mask_ratio=0.75)
        >>> results = draw(dict())
        >>> results['mask'].shape, results['num_hidden']
        ((4, 4), 12)
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``mask``, ``[h, w]`` with 1 where a patch is hidden, and ``num_hidden``."""
        results = super().transform(results)
        results['num_hidden'] = int(results['mask'].sum())
        return results
