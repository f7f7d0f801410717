"""Packing into tensors."""

import numpy as np
import pytest
import torch

from usfm_mm.datasets.transforms.pack_ultrasound import PackUltrasound


@pytest.mark.parametrize('channels', [1, 3])
def test_batch(channels):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 4, 6, channels), np.uint8)
    bands = rng.random((2, 7)) < 0.5
    items = [
        PackUltrasound()(
            {
                'img': image,
                'organ_id': 2,
                'sample_idx': i,
                'organ': 'liver',
                'patch_mask': np.eye(2, dtype=bool),
                'bands': bands[i],
            }
        )
        for i, image in enumerate(images)
    ]
    batch = torch.utils.data.default_collate(items)
    assert set(batch) == {'inputs', 'organ_id', 'sample_idx', 'patch_mask', 'bands'}
    np.testing.assert_array_equal(batch['inputs'].numpy(), images.transpose(0, 3, 1, 2))
    assert batch['inputs'].dtype == torch.uint8
    assert batch['patch_mask'].dtype == torch.bool
    assert batch['organ_id'].tolist() == [2, 2]
    assert batch['organ_id'].dtype == torch.int64
    assert batch['sample_idx'].tolist() == [0, 1]
    np.testing.assert_array_equal(batch['bands'].numpy(), bands)


def test_without_masks():
    item = PackUltrasound()({'img': np.zeros((4, 6, 1), np.uint8), 'organ_id': 0, 'sample_idx': 0})
    assert set(item) == {'inputs', 'organ_id', 'sample_idx'}
