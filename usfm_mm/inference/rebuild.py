"""Reconstruction of pictures under masks that are given or drawn, as in pre-training."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from usfm_mm.inference.answers import Reconstruction
from usfm_mm.inference.frames import Frame, Pictures, Report, batches, frames_of
from usfm_mm.inference.geometry import grey_at
from usfm_mm.inference.predict import check_options
from usfm_mm.inference.prepare import prepare

# The paper's (4.2), as in the configs of pre-training: patches of 32 pixels, of 16 in small images.
_MASK_SIZES, _MASK_RATIO = (32, 16), 0.4
_NUM_BANDS, _NUM_STOPPED = 7, 2


class Pretrained(Protocol):
    """A pre-trained model with its card, from ``load_model``."""

    @property
    def card(self) -> Any:
        """Of :class:`usfm_mm.io.card.Card`."""

    def rebuild(
        self, images: np.ndarray, patch_mask: np.ndarray | None, bands: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masked images and what is made of them.

        Args:
            images: uint8 [B, C, H, W].
            patch_mask: bool [B, h, w].
            bands: bool [B, N].

        Returns:
            Two float32 [B, C, H, W] in [0, 1].
        """


def reconstruct(
    model: Pretrained,
    pictures: Pictures,
    patch_mask: np.ndarray | None = None,
    bands: np.ndarray | None = None,
    seed: int = 0,
    batch_size: int = 16,
    report: Report | None = None,
) -> Iterator[Reconstruction]:
    """Let a pre-trained model recover masked pictures.

    Where neither mask is given, each picture has 40 % of its patches (32 pixels, or 16 where the
    model's images are no multiple of that) and two of seven
    frequency bands masked, drawn by ``seed`` and its place among the pictures. Where one is given,
    the other is left out.

    Args:
        model: Of pre-training.
        pictures: As :func:`~usfm_mm.inference.frames.frames_of` takes them.
        patch_mask: bool [h, w], True where masked, of a grid that divides the image of the model.
        bands: bool [N], True for frequency bands that are stopped; see
            :func:`usfm_mm.masking.band_stop_mask`.
        seed: Of the masks that are drawn.
        batch_size: Images per call of the network.
        report: As in :func:`~usfm_mm.inference.frames.frames_of`.

    Raises:
        ValueError: The model is not of pre-training, a mask does not fit it, or a picture cannot
            be read.
    """
    check_options(batch_size)
    check_masks(model.card, patch_mask, bands)
    given = None if patch_mask is None and bands is None else (patch_mask, bands)
    return rebuild_frames(model, frames_of(pictures, report), batch_size, seed, given)


def rebuild_frames(
    model: Pretrained,
    frames: Iterable[Frame],
    batch_size: int,
    seed: int = 0,
    given: tuple[np.ndarray | None, np.ndarray | None] | None = None,
) -> Iterator[Reconstruction]:
    """As :func:`reconstruct`, of frames that were read."""
    count = 0
    for batch in batches(frames, batch_size):
        masks = [given or draw_masks(model.card, seed, count + n) for n in range(len(batch))]
        patch_mask, bands = (_stacked(kind) for kind in zip(*masks, strict=True))
        images = np.stack([prepare(frame.pixels, model.card) for frame in batch])
        results = zip(batch, masks, *model.rebuild(images, patch_mask, bands), strict=True)
        for frame, drawn, masked, image in results:
            size = frame.pixels.shape[:2]
            yield Reconstruction(frame, grey_at(masked, size), grey_at(image, size), *drawn)
        count += len(batch)


def _stacked(masks: Sequence[np.ndarray | None]) -> np.ndarray | None:
    present = [mask for mask in masks if mask is not None]
    return np.stack(present) if present else None


def draw_masks(card: Any, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Patches bool [h, w] and bands bool [7] of the picture at a place among the pictures."""
    generator = np.random.default_rng([seed, number])
    size = _mask_size(card.image_size)
    rows, columns = (side // size for side in card.image_size)
    chosen = generator.permutation(rows * columns)[: math.ceil(_MASK_RATIO * rows * columns)]
    patches = np.zeros(rows * columns, bool)
    patches[chosen] = True
    bands = np.zeros(_NUM_BANDS, bool)
    bands[generator.permutation(_NUM_BANDS)[:_NUM_STOPPED]] = True
    return patches.reshape(rows, columns), bands


def _mask_size(image_size: tuple[int, int]) -> int:
    for size in _MASK_SIZES:
        if not any(side % size for side in image_size):
            return size
    raise ValueError(
        f'images of {image_size} are no multiple of {_MASK_SIZES[-1]}: give patch_mask'
    )


def check_masks(card: Any, patch_mask: np.ndarray | None, bands: np.ndarray | None) -> None:
    """Refuse a model that cannot rebuild, and masks that do not fit it.

    Raises:
        ValueError: See :func:`reconstruct`.
    """
    if card.task != 'pretrain':
        raise ValueError(f'a model for {card.task!r} cannot reconstruct: take one of pre-training')
    if bands is not None and (bands.dtype != bool or bands.ndim != 1):
        raise ValueError(f'bands must be bool [N], got {bands.dtype} {bands.shape}')
    if patch_mask is None:
        if bands is None:
            _mask_size(card.image_size)
        return
    if patch_mask.dtype != bool or patch_mask.ndim != 2:
        raise ValueError(f'patch_mask must be bool [h, w], got {patch_mask.dtype}')
    if any(side % n for side, n in zip(card.image_size, patch_mask.shape, strict=True)):
        raise ValueError(
            f'a patch_mask of {patch_mask.shape} does not divide images of {card.image_size}'
        )
