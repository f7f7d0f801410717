"""A synthetic loss of image quality, after how an ultrasound image comes about."""

import cv2
import numpy as np

DYNAMIC_RANGE = 60.0
"""dB between black and white, the usual setting, for images that do not tell theirs."""


def degrade(
    image: np.ndarray,
    rng: np.random.Generator,
    speckle: float = 0.4,
    blur: tuple[float, float] = (0.8, 1.6),
    noise: float = -48.0,
    contrast: float = 0.8,
) -> np.ndarray:
    """Lower the quality of a B-mode image: speckle, blur, noise, loss of contrast.

    Synthetic, not the image of another scanner: it starts from an image that has speckle of its
    own. The grey levels are taken for a logarithm of echo amplitudes, which are

    1. multiplied by (1 - speckle) + speckle * n, with n complex normal noise of E|n|^2 = 1, as of
       scatterers that are not resolved;
    2. joined by complex normal noise of the receiver;
    3. blurred by a Gaussian point spread function, wider across the beam than along it;

    and whose magnitudes become grey levels again, multiplied by ``contrast``: black stays black.

    Args:
        image: uint8 ``[H, W]``.
        rng: Where the noise is drawn from.
        speckle: In [0, 1]; 0 leaves the echoes, 1 is fully developed speckle.
        blur: Standard deviation along (rows) and across the beam (columns), in pixels.
        noise: Level of the receiver's noise, in dB, white being 0.
        contrast: Share of the range of grey levels that is left, in (0, 1].

    Returns:
        uint8 ``[H, W]``.
    """
    grey = image.astype(np.float64) / 255
    amplitude = np.where(image > 0, 10 ** (DYNAMIC_RANGE / 20 * (grey - 1)), 0.0)
    echoes = amplitude * ((1 - speckle) + speckle * _complex_normal(rng, image.shape))
    echoes += 10 ** (noise / 20) * _complex_normal(rng, image.shape)
    along, across = blur
    magnitude = np.hypot(_blurred(echoes.real, along, across), _blurred(echoes.imag, along, across))
    level = 1 + 20 / DYNAMIC_RANGE * np.log10(np.maximum(magnitude, 1e-12))
    return np.rint(255 * contrast * level.clip(0, 1)).astype(np.uint8)


def _complex_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    real, imaginary = rng.normal(scale=np.sqrt(0.5), size=(2, *shape))
    return real + 1j * imaginary


def _blurred(image: np.ndarray, along: float, across: float) -> np.ndarray:
    return cv2.GaussianBlur(
        image, (0, 0), sigmaX=across, sigmaY=along, borderType=cv2.BORDER_REFLECT
    )
