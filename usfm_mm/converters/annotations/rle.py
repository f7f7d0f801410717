"""Run lengths: COCO's, as numbers or as text, and CVAT's.

pycocotools checks neither that the runs fill the mask (what they leave out is whatever the memory
held) nor where its text ends; files of strangers are decoded here.
"""

from collections.abc import Sequence

import numpy as np

from usfm_mm.converters.items import ConversionError


def decode_runs(
    runs: Sequence[int], shape: tuple[int, int], entry: str, by_column: bool = True
) -> np.ndarray:
    """Mask that runs of 0 and 1 in turn make, the first of 0.

    Args:
        runs: Their lengths.
        shape: Height and width of the mask.
        entry: For the message.
        by_column: Whether pixels follow each other down the columns, as COCO's do.

    Returns:
        bool [H, W].

    Raises:
        ConversionError: The runs do not fill the mask exactly.

    Example:
        >>> decode_runs([1, 2, 1], (2, 2), '').astype(int)
        array([[0, 1],
               [1, 0]])
    """
    height, width = shape
    if any(not isinstance(run, int) or run < 0 for run in runs) or sum(runs) != height * width:
        raise ConversionError(
            f'{entry}: its run lengths (RLE) do not add up to {width}×{height} pixels: they are '
            'damaged, or of an image of another size'
        )
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, np.array(runs, np.int64))
    return flat.reshape((width, height)).T if by_column else flat.reshape((height, width))


def runs_of_text(text: str, entry: str) -> list[int]:
    """Run lengths of COCO's text.

    Digits are to the base of 32, the least first; from the third on, a run is told as its
    difference to the last but one.

    Raises:
        ConversionError: It has other characters, or ends within a number.

    Example:
        >>> runs_of_text('01400000', '')
        [0, 1, 4, 1, 4, 1, 4, 1]
    """
    runs: list[int] = []
    value = digits = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or digits > 12:
            raise ConversionError(f'{entry}: its RLE has {character!r} in a wrong place')
        value |= (code & 31) << (5 * digits)
        digits += 1
        if not code & 32:
            if code & 16:  # negative
                value -= 1 << (5 * digits)
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = digits = 0
    if digits:
        raise ConversionError(f'{entry}: its RLE is cut off')
    return runs
