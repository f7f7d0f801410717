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
    if logits.shape[1:] != size:
        logits = np.stack(
            [cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in logits]
        )
    powers = np.exp(logits - logits.max(axis=0))
    return powers / powers.sum(axis=0)


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
        return probabilities.argmax(axis=0).astype(np.uint8)
    likeliest = 1 + probabilities[1:].argmax(axis=0)
    return np.where(probabilities[1:].sum(axis=0) >= threshold, likeliest, 0).astype(np.uint8)
