"""Band-stop mask of a single image, for any existing pipeline."""

from collections.abc import Sequence

import torch
from mmcv.transforms import BaseTransform

from usfm_mm.datasets.transforms.draw_dual_mask import draw_bands
from usfm_mm.datasets.transforms.spatial_mean_mask import from_batch, to_batch
from usfm_mm.masking import band_stop_mask
from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BandStopMask(BaseTransform):
    """Remove randomly drawn frequency bands from ``img`` (Eq. 7).

    Uses ``bands`` where an earlier transform drew them, and else draws and adds them. Intensities
    are 0 to 255 before; the result is float32 and may go beyond. Put before ``SpatialMeanMask`` it
    gives Eq. 8: the filter keeps the image's mean, which is its protected zero frequency.

    Args:
        num_bands: Number of frequency bands.
        num_stopped: How many of them are removed.
        edges: Radii of the bands, cycles per image; see :func:`usfm_mm.masking.band_stop_mask`.
        protect: Half side of the protected square of the spectrum.
    """

    def __init__(
        self,
        num_bands: int = 7,
        num_stopped: int = 2,
        edges: Sequence[float] | None = None,
        protect: int = 5,
    ) -> None:
        self.num_bands = num_bands
        self.num_stopped = num_stopped
        self.edges = None if edges is None else tuple(edges)
        self.protect = protect

    def transform(self, results: dict) -> dict:
        """Filter ``img``, ``[H, W, C]`` or ``[H, W]``, 0 to 255."""
        if 'bands' not in results:
            results['bands'] = draw_bands(self.num_bands, self.num_stopped)
        bands = torch.from_numpy(results['bands'])[None]
        filtered = band_stop_mask(to_batch(results['img']), bands, self.edges, self.protect)
        results['img'] = from_batch(filtered, results['img'].ndim)
        return results
