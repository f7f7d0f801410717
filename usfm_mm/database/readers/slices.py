"""A volume as a clip: its slices along the slowest axis."""

import numpy as np

from usfm_mm.database.readers.clip import Clip, Frames, sample_range, to_8_bits


def clip_of(volume: np.ndarray, colours: bool) -> Clip:
    """Slices of a volume (and of its times, in 4D) as frames.

    They are as stored, without turning them by the header's orientation. Samples of more than 8
    bits are brought to 8 by one range for the whole volume, see
    :func:`~usfm_mm.database.readers.clip.sample_range`.

    Args:
        volume: [..., H, W], or [..., H, W, 3] of colours.
        colours: Whether it is the latter.
    """
    slices = volume.reshape(-1, *volume.shape[-3 if colours else -2 :])
    low, high = sample_range(slices)

    def read(step: int) -> Frames:
        for number in range(0, len(slices), step):
            yield number, to_8_bits(slices[number], low, high)

    return Clip(read=read, count=len(slices))
