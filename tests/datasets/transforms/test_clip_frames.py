"""Grey frames give what three equal channels do, and all frames of a clip are moved alike."""

import mmpretrain.datasets  # noqa: F401  registers its transforms
import numpy as np
import torch
from mmcv.transforms import Compose

from usfm_mm.datasets.seeding import seeded
from usfm_mm.datasets.transforms import EachFrame, LoadFrames, PackFrames
from usfm_mm.io.image import encode_png

MOVES = [
    dict(type='usfm_mm.RandomAffineCrop', size=32, rotation=(-20, 20), scale=(0.6, 1.0)),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
]
RESIZE = [dict(type='mmpretrain.Resize', scale=(32, 32))]


def packed(info, channels, transforms, seed, **options):
    frames = LoadFrames(num_frames=5, random=True, channels=channels)
    with seeded(seed):
        return Compose([frames, EachFrame(transforms, **options), PackFrames()])(dict(info))[
            'inputs'
        ]


def test_grey_frames_are_as_three_channels(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(7):
        frame = rng.integers(0, 256, (40, 50), np.uint8)
        (tmp_path / f'{number:05d}.png').write_bytes(encode_png(frame))
    clip = dict(img_path=str(tmp_path), num_frames=7, gt_label=1)
    still = dict(img_path=str(tmp_path / '00003.png'), num_frames=0, gt_label=0)
    for info, count in ((clip, 5), (still, 1)):
        for transforms in (MOVES, RESIZE):
            grey, colour = (packed(info, channels, transforms, 7) for channels in (1, 3))
            assert grey.shape == (count, 3, 32, 32)
            assert grey.is_contiguous()
            torch.testing.assert_close(grey, colour, rtol=0, atol=1)
            assert (grey == grey[:, :1]).all()
            together = packed(info, 1, transforms, 7, together=True)  # four, and one
            torch.testing.assert_close(together, grey, rtol=0, atol=1)


def test_frames_are_moved_alike_and_the_generators_go_on(tmp_path):
    frame = np.random.default_rng(0).integers(0, 256, (40, 50, 1), np.uint8)
    each = EachFrame(MOVES)
    first = None
    for seed in range(6):
        with seeded(seed):
            frames = each(dict(frames=[frame, frame, frame]))['frames']
            after = np.random.random_sample()
        assert all((other == frames[0]).all() for other in frames)
        with seeded(seed):
            np.random.randint(2**32, dtype=np.uint64)
            assert np.random.random_sample() == after
        first = frames[0] if first is None else first
    assert (first != frames[0]).any()
