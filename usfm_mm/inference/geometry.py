"""From a network's size back to the picture's own."""

import cv2
import numpy as np


def probabilities_at(probabilities: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize probabilities as mmseg does: bilinear on the logits, then softmax.

    Logits are known from the probabilities but for a number that all classes of a pixel share, and
    which the softmax takes out again.

    Args:
        probabilities: float32 [K, h, w], K > 1.
        size: Height and width of the picture.

    Returns:
        float32 [K, H, W]; their sum is 1.
    """
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float32)
    height, width = size
    # All in one array: pictures are large, and memory that is new for each step takes its time.
    found = logits if logits.shape[1:] == size else np.empty((len(logits), *size), np.float32)
    if found is not logits:
        for own, small in zip(found, logits, strict=True):
            cv2.resize(small, (width, height), dst=own, interpolation=cv2.INTER_LINEAR)
    found -= found.max(axis=0)
    np.exp(found, out=found)
    found /= found.sum(axis=0)
    return found


def grey_at(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Mean of the channels of an image [C, h, w] in [0, 1] as grey uint8 [H, W]."""
    grey = image.astype(np.float64).mean(axis=0) * 255
    if grey.shape != size:
        grey = cv2.resize(grey, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.rint(grey.clip(0, 255)).astype(np.uint8)


def mask_of(probabilities: np.ndarray, threshold: float | None = None) -> np.ndarray:
    """The likeliest class of each pixel, uint8 [H, W].

    Args:
        probabilities: float32 [K, H, W], background first.
        threshold: A pixel is foreground where the foreground's classes together reach it, and then
            the likeliest of these. None: the likeliest class of all.
    """
    if threshold is None:
        return _likeliest(probabilities)
    mask = 1 + _likeliest(probabilities[1:])
    mask[~(probabilities[1:].sum(axis=0) >= threshold)] = 0
    return mask


def _likeliest(probabilities: np.ndarray) -> np.ndarray:
    """As ``argmax(axis=0)`` of finite numbers, class by class.

    NumPy goes pixel by pixel, in nine times the time.
    """
    mask, highest = np.zeros(probabilities.shape[1:], np.uint8), probabilities[0].copy()
    for number, one in enumerate(probabilities[1:], 1):
        np.copyto(mask, number, where=one > highest)
        np.maximum(highest, one, out=highest)
    return mask
