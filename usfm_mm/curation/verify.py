"""Decoding every image, on all cores."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed
from rich.console import Console

from usfm_mm.io.image import decode_samples, used_bits
from usfm_mm.io.image_file import BadImageError, read_file
from usfm_mm.io.progress import progress_bar

# Some seconds of work for a process.
_CHUNK = 256


@dataclass(frozen=True)
class Verified:
    """What decoding some images has shown.

    Attributes:
        reasons: Of each path why it is bad, '' if it is not.
        moments: [2, 2]; of the good images of 8 bits (row 0) and of 16 (row 1) the sums of mean
            sample and mean squared sample.
        num_deep: Number of good images of 16 bits.
        highest: Highest sample of these.
    """

    reasons: list[str]
    moments: np.ndarray
    num_deep: int
    highest: int

    @property
    def bits(self) -> int | None:
        """Bits that the images of 16 bits use together; None where there are none."""
        return used_bits(self.highest) if self.num_deep else None

    def intensities(self) -> tuple[float, float]:
        """Mean and standard deviation in grey levels, every image counting alike."""
        shallow, deep = self.moments
        scale = 255 / (2 ** (self.bits or 8) - 1)
        mean, square = (shallow + deep * (scale, scale**2)) / max(1, self.reasons.count(''))
        return float(mean), float(np.sqrt(max(0.0, square - mean**2)))


def verify(root: Path, paths: list[str], workers: int, console: Console) -> Verified:
    """Decode every image, with ``workers`` processes and a progress bar."""
    chunks = [paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK)]
    parts: list[Verified] = []
    # Starting processes takes longer than a few chunks.
    jobs = workers if len(chunks) > 4 else 1
    with progress_bar(console) as progress:
        task = progress.add_task('verifying', total=len(paths))
        results = Parallel(n_jobs=jobs, return_as='generator')(
            delayed(verify_chunk)(root, chunk) for chunk in chunks
        )
        for part in results:
            parts.append(part)
            progress.advance(task, len(part.reasons))
    return Verified(
        [reason for part in parts for reason in part.reasons],
        np.sum([part.moments for part in parts], axis=0),
        sum(part.num_deep for part in parts),
        max(part.highest for part in parts),
    )


def verify_chunk(root: Path, paths: list[str]) -> Verified:
    """Decode some images, in this process and thread."""
    cv2.setNumThreads(1)
    reasons, moments, num_deep, highest = [], np.zeros((2, 2)), 0, 0
    for path in paths:
        try:
            image = decode_samples(read_file(root / path))
        except BadImageError as error:
            reasons.append(str(error))
            continue
        reasons.append('')
        deep = int(image.dtype == np.uint16)
        if deep:
            num_deep += 1
            highest = max(highest, int(image.max()))
        mean, std = cv2.meanStdDev(image)
        moments[deep] += mean.item(), mean.item() ** 2 + std.item() ** 2
    return Verified(reasons, moments, num_deep, highest)
