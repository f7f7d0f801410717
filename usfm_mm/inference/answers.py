"""What a model answers about one frame, as plain arrays in the frame's own geometry."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from usfm_mm.inference.frames import Frame


@dataclass(frozen=True)
class Uncertainty:
    """How far the models of an ensemble are from one sure answer.

    Attributes:
        entropy: Of the mean probabilities, nats; [H, W] of a segmentation, else a number.
        variance: Of the probabilities between the models, mean over the classes; likewise.
    """

    entropy: Any
    variance: Any

    @property
    def mean_entropy(self) -> float:
        """Of the image."""
        return float(np.mean(self.entropy))

    @property
    def mean_variance(self) -> float:
        """Of the image."""
        return float(np.mean(self.variance))


@dataclass(frozen=True)
class Segmentation:
    """Which pixel is what.

    Attributes:
        frame: What was looked at, H x W pixels.
        classes: Names in the order of their numbers.
        mask: Numbers of the classes, uint8 [H, W].
        probabilities: float32 [K, H, W], 0 to 1, of each class.
        uncertainty: Of several models; None of one.
    """

    frame: Frame
    classes: tuple[str, ...]
    mask: np.ndarray
    probabilities: np.ndarray
    uncertainty: Uncertainty | None = None

    @property
    def areas_px(self) -> dict[str, int]:
        """Number of pixels by class."""
        return {
            name: int(np.count_nonzero(self.mask == number))
            for number, name in enumerate(self.classes)
        }

    @property
    def areas_mm2(self) -> dict[str, float] | None:
        """Area in mm² by class; None where the size of a pixel is not known."""
        if self.frame.spacing is None:
            return None
        pixel = self.frame.spacing[0] * self.frame.spacing[1]
        return {name: count * pixel for name, count in self.areas_px.items()}


@dataclass(frozen=True)
class Classification:
    """What a frame or a clip shows.

    Attributes:
        frame: What was looked at; of a clip its first frame.
        scores: Probability by class.
        label: The likeliest class; None where it does not reach the threshold, and of a model of
            several findings.
        uncertainty: Of several models; None of one.
        explanation: Where the answer comes from, where that was asked for: float32 [H, W], above 0
            what speaks for the likeliest class; see :mod:`usfm_mm.inference.explain`.
        findings: Of a model of several findings those that reach the threshold; else None.
        frames: Of a clip, how many were looked at; None of a model that sees single images.
    """

    frame: Frame
    scores: dict[str, float]
    label: str | None
    uncertainty: Uncertainty | None = None
    explanation: np.ndarray | None = None
    findings: tuple[str, ...] | None = None
    frames: int | None = None


@dataclass(frozen=True)
class Measurement:
    """Numbers that a model predicts of a frame or a clip.

    Attributes:
        frame: What was looked at; of a clip its first frame.
        values: By name, in the unit that they were trained in.
        spread: Standard deviation between the models of an ensemble; None of one.
        frames: Of a clip, how many were looked at; None of a model that sees single images.
    """

    frame: Frame
    values: dict[str, float]
    spread: dict[str, float] | None = None
    frames: int | None = None


@dataclass(frozen=True)
class Enhancement:
    """A better image: grey, uint8 [H, W], of ``frame``."""

    frame: Frame
    image: np.ndarray


@dataclass(frozen=True)
class Reconstruction:
    """What pre-training makes of a masked frame.

    Attributes:
        frame: What was looked at, H x W pixels.
        masked: What the encoder saw, grey uint8 [H, W].
        image: What it made of it, likewise.
        patch_mask: Patches that were masked, bool [h, w]; None for none.
        bands: Frequency bands that were stopped, bool [N]; None for none.
    """

    frame: Frame
    masked: np.ndarray
    image: np.ndarray
    patch_mask: np.ndarray | None
    bands: np.ndarray | None

    @property
    def error(self) -> np.ndarray:
        """Absolute difference from the frame, in grey levels: float32 [H, W]."""
        from usfm_mm.inference.prepare import with_channels

        return np.abs(with_channels(self.frame.pixels, 1).astype(np.float32) - self.image)


@dataclass(frozen=True)
class Features:
    """What an encoder says of a frame: float32 [D]."""

    frame: Frame
    vector: np.ndarray
