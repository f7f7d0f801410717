"""Pictures of any kind as one stream of frames, in the geometry of their files."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from usfm_mm.database.readers import open_clip
from usfm_mm.database.readers.kinds import kind_of
from usfm_mm.database.types import Options, RejectedError
from usfm_mm.inference.sources import list_files
from usfm_mm.io.image import bits_of_set, decode_samples, to_8_bits
from usfm_mm.io.image_file import BadImageError, check_single, read_file

_DEEP = ('.png', '.tif', '.tiff')
Picture = str | os.PathLike | np.ndarray
Pictures = Picture | Iterable[Picture]
Report = Callable[[str, int | None, str], None]
"""Told of what cannot be read: the source, the frame or None for all of it, and the reason."""


@dataclass(frozen=True)
class Frame:
    """One picture as it is stored, neither cut nor painted over.

    Attributes:
        pixels: uint8, grey [H, W] or RGB [H, W, 3].
        source: Path of its file, or 'array N' for the N-th one given, from 0.
        number: Its number in the source, from 0.
        several: Whether the source holds more frames than one.
        rate: Frames per second of the source, where known.
        spacing: Height and width of a pixel in mm, where the file tells.
    """

    pixels: np.ndarray
    source: str
    number: int = 0
    several: bool = False
    rate: float | None = None
    spacing: tuple[float, float] | None = None

    @property
    def time(self) -> float | None:
        """Seconds from the first frame, where the rate is known."""
        return self.number / self.rate if self.rate and self.several else None


def frames_of(
    pictures: Pictures, report: Report | None = None, bits: int | None = None
) -> Iterator[Frame]:
    """Read pictures one after another; nothing is read before it is asked for.

    Args:
        pictures: Path of an image, DICOM file, clip, NIfTI or MetaImage volume, whose slices are
            frames as stored; of a folder, see :func:`~usfm_mm.inference.sources.list_files`; a
            pattern such as ``'scans/**/*.dcm'``; a uint8 array [H, W], [H, W, 3] (RGB), [N, H, W]
            or [N, H, W, 3]; or any iterable of these. Images of 16 bits of one folder, pattern or
            list are scaled alike.
        report: Called with what cannot be read, which is then left out. None: it is an error.
        bits: In use in images of 16 bits, where that is known already; see :func:`shared_bits`.

    Raises:
        FileNotFoundError: A path does not exist.
        ValueError: A file cannot be read, a folder or pattern gives none, or an array has another
            type or shape.

    Example:
        >>> [frame.pixels.shape for frame in frames_of(np.zeros((2, 40, 50), np.uint8))]
        [(40, 50), (40, 50)]
    """
    if isinstance(pictures, (str, os.PathLike, np.ndarray)):
        pictures = [pictures]
    if bits is None and isinstance(pictures, (list, tuple)):
        groups = [group for group in _groups(pictures) if not isinstance(group, np.ndarray)]
        files = list(chain.from_iterable(groups))
        bits = shared_bits(files) if len(files) > 1 else None  # one image has its own
    count = 0
    for group in _groups(pictures):
        if isinstance(group, np.ndarray):
            yield from _of_array(group, f'array {count}')
            count += 1
            continue
        own = bits or (shared_bits(group) if len(group) > 1 else None)
        for path in group:
            yield from _of_file(path, own, report or _raise)


def batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Lists of ``size`` frames; the last one may be shorter."""
    stream = iter(frames)
    while batch := list(islice(stream, size)):
        yield batch


def _raise(source: str, number: int | None, reason: str) -> None:
    where = source if number is None else f'frame {number} of {source}'
    raise ValueError(f'{where} is not an image that can be read: {reason}')


def _groups(pictures: Iterable[Picture]) -> Iterator[np.ndarray | list[Path]]:
    """Arrays one by one, and files in runs that belong together."""
    for picture in pictures:
        yield picture if isinstance(picture, np.ndarray) else list_files(picture).files


def shared_bits(files: Iterable[Path]) -> int | None:
    """Bits per sample that images of 16 bits use together; None where there are none."""
    return bits_of_set(path for path in files if path.suffix.lower() in _DEEP)[1]


def _of_array(array: np.ndarray, source: str) -> Iterator[Frame]:
    one = array.ndim < 3 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    for number, pixels in enumerate([array] if one else array):
        if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or 0 in pixels.shape:
            raise ValueError(
                'images must be uint8 [H, W] or [H, W, C], and stacks of them [N, H, W] or '
                f'[N, H, W, 3]; got {array.dtype} {array.shape}'
            )
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[..., 0]
        if pixels.ndim == 3 and pixels.shape[2] != 3:
            raise ValueError(f'images must have 1 or 3 channels, got {pixels.shape[2]}')
        yield Frame(pixels, source, number, several=not one and len(array) > 1)


def _of_file(path: Path, bits: int | None, report: Report) -> Iterator[Frame]:
    source = str(path)
    if not path.is_file():
        raise FileNotFoundError(f'image {source} does not exist')
    try:
        kind = kind_of(path)
        if kind == 'image' and (image := _single_image(path, bits)) is not None:
            yield Frame(image, source)
            return
        clip = open_clip(path, Options())
    except (BadImageError, RejectedError) as error:
        report(source, None, str(error))
        return
    stream = clip.read(1)
    try:
        first = list(islice(stream, 2))
        for number, pixels in chain(first, stream):
            if pixels is None:
                report(source, number if len(first) > 1 else None, 'damaged')
                continue
            yield Frame(pixels, source, number, len(first) > 1, clip.rate, clip.spacing)
    except RejectedError as error:  # a later frame of another, too large size
        report(source, None, str(error))
        return
    if not first:
        report(source, None, 'it is cut off' if clip.cut_off else 'it has no frames')


def _single_image(path: Path, bits: int | None) -> np.ndarray | None:
    """RGB as all commands read it, or None for one of several pages."""
    data = read_file(path)
    try:
        check_single(data)
    except BadImageError:
        return None
    return to_8_bits(decode_samples(data, colour=True), bits)
