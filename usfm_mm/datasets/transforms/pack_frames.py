"""Frames and their target as mmpretrain's models take them."""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmpretrain.structures import DataSample

from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackFrames(BaseTransform):
    """Makes ``inputs``, uint8 [N, C, H, W], and a ``DataSample`` with target and meta data.

    Args:
        meta_keys: What of the results goes along, where it is there.
    """

    def __init__(
        self,
        meta_keys: Sequence[str] = (
            *('sample_idx', 'img_path', 'patient', 'ori_shape', 'img_shape', 'frame_numbers'),
        ),
    ) -> None:
        self.meta_keys = meta_keys

    def transform(self, results: dict) -> dict:
        """Pack.

        Args:
            results: With ``frames``, a list of [H, W, C], and ``gt_label`` or ``gt_score``.

        Returns:
            ``inputs`` and ``data_samples``.
        """
        frames = np.stack(results['frames']).transpose(0, 3, 1, 2)
        sample = DataSample()
        if 'gt_label' in results:
            sample.set_gt_label(results['gt_label'])
        if 'gt_score' in results:
            sample.set_gt_score(torch.tensor(results['gt_score'], dtype=torch.float32))
        sample.set_metainfo({key: results[key] for key in self.meta_keys if key in results})
        return dict(inputs=torch.from_numpy(np.ascontiguousarray(frames)), data_samples=sample)

    def __repr__(self) -> str:
        return f'PackFrames(meta_keys={self.meta_keys})'
