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
        channels: Of the inputs: grey frames get so many equal ones.
        meta_keys: What of the results goes along, where it is there.
    """

    def __init__(
        self,
        channels: int = 3,
        meta_keys: Sequence[str] = (
            *('sample_idx', 'img_path', 'patient', 'ori_shape', 'img_shape', 'frame_numbers'),
        ),
    ) -> None:
        self.channels, self.meta_keys = channels, meta_keys

    def transform(self, results: dict) -> dict:
        """Pack.

        Args:
            results: With ``frames``, a list of [H, W, C] or [H, W], and ``gt_label`` or
                ``gt_score``.

        Returns:
            ``inputs`` and ``data_samples``.
        """
        stacked = np.stack(results['frames'])  # OpenCV drops a last axis of length 1
        frames = stacked[:, None] if stacked.ndim == 3 else stacked.transpose(0, 3, 1, 2)
        if frames.shape[1] == 1:
            frames = np.repeat(frames, self.channels, axis=1)
        sample = DataSample()
        if 'gt_label' in results:
            sample.set_gt_label(results['gt_label'])
        if 'gt_score' in results:
            sample.set_gt_score(torch.tensor(results['gt_score'], dtype=torch.float32))
        sample.set_metainfo({key: results[key] for key in self.meta_keys if key in results})
        return dict(inputs=torch.from_numpy(np.ascontiguousarray(frames)), data_samples=sample)

    def __repr__(self) -> str:
        return f'PackFrames(channels={self.channels}, meta_keys={self.meta_keys})'
