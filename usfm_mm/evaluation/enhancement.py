"""Measures of an enhanced image against its counterpart of high quality.

Both are uint8 ``[H, W]`` of one size; all else is a ``ValueError``.
"""

from types import ModuleType

import cv2
import numpy as np

from usfm_mm.io.optional import optional_import

MEASURES = ('SSIM', 'LNCC', 'NMI', 'PSNR')
"""The first three are columns of the paper's Table 4, in %; PSNR is in dB."""

LNCC_WINDOW = 9
MAX_PSNR = 100.0
"""dB, of equal images, whose PSNR is infinite."""


def image_measures(image: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Compare two images.

    Returns:
        SSIM, LNCC and NMI in % and PSNR in dB, under the names of ``MEASURES``.

    Raises:
        ValueError: If an image is not uint8 ``[H, W]``, shapes differ, or a side is below 11.
        ModuleNotFoundError: If scikit-image or scikit-learn is not installed.
    """
    return dict(
        SSIM=100 * ssim(image, target),
        LNCC=100 * lncc(image, target),
        NMI=100 * nmi(image, target),
        PSNR=psnr(image, target),
    )


def ssim(image: np.ndarray, target: np.ndarray) -> float:
    """Structural similarity by scikit-image, with the parameters of Wang et al. 2004.

    That is a Gaussian window of sigma 1.5, cut at 11x11; C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2;
    population covariances; mean over the pixels whose window lies within the image. Two constant
    images of levels a and b have (2ab + C1) / (a^2 + b^2 + C1).

    Returns:
        In [-1, 1], 1 for equal images.

    Raises:
        ValueError: If a side is below 11 pixels.

    Example:
        >>> black, grey = np.zeros((16, 16), np.uint8), np.full((16, 16), 100, np.uint8)
        >>> round(ssim(black, grey), 6), ssim(grey, grey)
        (0.00065, 1.0)
    """
    _check(image, target, smallest=11)
    return float(
        _metrics('skimage').structural_similarity(
            target,
            image,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def lncc(image: np.ndarray, target: np.ndarray, window: int = LNCC_WINDOW) -> float:
    """Local normalised cross-correlation.

    The correlation coefficient of the two images' grey levels, not squared, in each ``window`` x
    ``window`` square that lies within the image, every pixel of it weighing the same; then the
    mean over all squares. Where both images are constant in a square it counts 1, as SSIM's
    structure term does; where one is, 0. Sums are of whole numbers, and so "constant" is exact.

    Args:
        image: Enhanced.
        target: In high quality.
        window: Pixels, at most a side of the images. The paper prints none; 9 is the usual one of
            image registration.

    Returns:
        In [-1, 1], 1 for equal images.

    Example:
        >>> ramp = np.arange(144, dtype=np.uint8).reshape(12, 12)
        >>> lncc(ramp, ramp), lncc(255 - ramp, ramp)
        (1.0, -1.0)
    """
    _check(image, target, smallest=window)
    a, b = image.astype(np.float64), target.astype(np.float64)
    count = window * window
    sum_a, sum_b = _window_sums(a, window), _window_sums(b, window)
    # count^2 times the variances and the covariance
    variance_a = count * _window_sums(a * a, window) - sum_a**2
    variance_b = count * _window_sums(b * b, window) - sum_b**2
    covariance = count * _window_sums(a * b, window) - sum_a * sum_b
    scale = np.sqrt(variance_a * variance_b)
    both_constant = (variance_a == 0) & (variance_b == 0)
    values = np.divide(covariance, scale, out=both_constant.astype(np.float64), where=scale > 0)
    return float(values.mean())


def nmi(image: np.ndarray, target: np.ndarray) -> float:
    """Normalised mutual information 2 I(A; B) / (H(A) + H(B)) of 256 grey levels, by scikit-learn.

    The probabilities are the shares in the joint histogram of all pixels. It is 1 where both
    images are constant, and 0 where one of them is.

    Returns:
        In [0, 1], 1 where each image's levels tell the other's.

    Example:
        >>> image = np.arange(16, dtype=np.uint8).reshape(4, 4)
        >>> round(nmi(image, 255 - image), 6), nmi(image, image // 16)
        (1.0, 0.0)
    """
    _check(image, target)
    score = _metrics('sklearn').normalized_mutual_info_score(
        target.ravel(), image.ravel(), average_method='arithmetic'
    )
    return float(np.clip(score, 0, 1))


def psnr(image: np.ndarray, target: np.ndarray) -> float:
    """Peak signal-to-noise ratio 10 log10(255^2 / MSE) in dB; at most ``MAX_PSNR``.

    Returns:
        dB, above 0 except for black against white.

    Example:
        >>> psnr(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8))
        0.0
    """
    _check(image, target)
    error = np.mean((image.astype(np.float64) - target) ** 2)
    return MAX_PSNR if error == 0 else float(min(MAX_PSNR, 10 * np.log10(255**2 / error)))


def require_packages() -> None:
    """Import what the measures need, to fail early.

    Raises:
        ModuleNotFoundError: If scikit-image or scikit-learn is not installed.
    """
    _metrics('skimage')
    _metrics('sklearn')


def _metrics(package: str) -> ModuleType:
    purpose = 'measuring enhancement (by scikit-image and scikit-learn)'
    return optional_import(f'{package}.metrics', purpose, 'usfm-mm[enhance]')


def _check(image: np.ndarray, target: np.ndarray, smallest: int = 1) -> None:
    for name, array in (('the image', image), ('the target', target)):
        if array.ndim != 2 or array.dtype != np.uint8:
            raise ValueError(f'{name} must be uint8 [H, W], got {array.dtype} {array.shape}')
    if image.shape != target.shape:
        raise ValueError(
            f'the image is {image.shape} and the target {target.shape}: only images of one size '
            'can be compared; give both the same Resize or crop'
        )
    if min(image.shape) < smallest:
        raise ValueError(
            f'the images are {image.shape}, but a window of {smallest} must fit in: use a larger '
            'size'
        )


def _window_sums(values: np.ndarray, window: int) -> np.ndarray:
    """Sums over all squares within the image; exact for whole numbers below 2^53 in total."""
    table = cv2.integral(values, sdepth=cv2.CV_64F)
    return (
        table[window:, window:]
        - table[:-window, window:]
        - table[window:, :-window]
        + table[:-window, :-window]
    )
