"""Masks and normalises a whole batch on the accelerator."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from usfm_mm.masking import (
    band_edges,
    band_stop_mask,
    dual_mask,
    empty_bands,
    spatial_mean_mask,
)
from usfm_mm.registry import MODELS


@MODELS.register_module()
class DualMaskDataPreprocessor(BaseDataPreprocessor):
    """Applies the masks that ``DrawDualMask`` drew, then mean and std.

    Batches come from ``PackUltrasound`` through the default collate function. Bands that the images
    are too small for are warned of, once for each image size.

    Args:
        mean: Mean intensity per channel, 0 to 255.
        std: Standard deviation of the intensity per channel, 0 to 255.
        edges: Radii of the frequency bands, cycles per image; see
            :func:`usfm_mm.masking.band_stop_mask`.
        protect: Half side of the protected square of the spectrum.
        non_blocking: Copy to the device while the host goes on (needs pinned memory).

    Raises:
        ValueError: If mean and std are not of one length, or std is not positive.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        edges: Sequence[float] | None = None,
        protect: int = 5,
        non_blocking: bool = True,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        if len(mean) != len(std) or min(std) <= 0:
            raise ValueError(
                'mean and std need one value per channel, std above 0; got '
                f'mean={list(mean)}, std={list(std)}'
            )
        self.edges = None if edges is None else tuple(edges)
        self.protect = protect
        self._seen_sizes: set[tuple[int, ...]] = set()
        # Buffers follow the model to its device; they are settings, not weights.
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1) / 255, persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1) / 255, persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Mask and normalise a batch.

        Args:
            data: ``inputs`` uint8 ``[B, C, H, W]``; optionally ``patch_mask`` bool ``[B, h, w]``
                and ``bands`` bool ``[B, num_bands]``, each applied where present; other entries
                are passed on.
            training: Without effect: what is masked depends on the data alone.

        Returns:
            ``inputs``, the masked normalised images, float ``[B, C, H, W]``, and ``data_samples``,
            a dict of ``target``, the normalised images before masking, and all other entries.

        Raises:
            ValueError: If the batch has no ``inputs``, or their channels are not those of mean.
        """
        if 'inputs' not in data or not isinstance(data['inputs'], Tensor):
            raise ValueError(
                'DualMaskDataPreprocessor needs a batch with a tensor "inputs": end the pipeline '
                "with usfm_mm.PackUltrasound and set collate_fn=dict(type='default_collate')"
            )
        data = self.cast_data(data)
        samples: dict[str, Any] = {key: value for key, value in data.items() if key != 'inputs'}
        if data['inputs'].shape[1] != len(self.mean):
            raise ValueError(
                f'images have {data["inputs"].shape[1]} channels, but mean and std of the data '
                f'preprocessor have {len(self.mean)}: set UltrasoundDataset(channels=...), mean '
                'and std alike'
            )
        images = data['inputs'].float() / 255
        inputs = self.normalise(self.mask(images, samples))
        samples['target'] = self.normalise(images)
        return {'inputs': inputs, 'data_samples': samples}

    def mask(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """Mask images ``[B, C, H, W]`` in [0, 1] as ``patch_mask`` and ``bands`` say."""
        patch_mask, bands = draws.get('patch_mask'), draws.get('bands')
        if bands is not None:
            self._warn_of_empty_bands(bands.shape[-1], *images.shape[-2:])
        if patch_mask is not None and bands is not None:
            return dual_mask(images, patch_mask, bands, self.edges, self.protect)
        if patch_mask is not None:
            return spatial_mean_mask(images, patch_mask)
        if bands is not None:
            return band_stop_mask(images, bands, self.edges, self.protect)
        return images

    def _warn_of_empty_bands(self, num_bands: int, height: int, width: int) -> None:
        if (num_bands, height, width) in self._seen_sizes:
            return
        self._seen_sizes.add((num_bands, height, width))
        edges = self.edges or band_edges(num_bands)
        empty = empty_bands(height, width, edges, self.protect)
        if empty:
            print_log(
                f'Images of {height}x{width} pixels have no frequencies in bands '
                f'{", ".join(map(str, empty))} of 0 to {len(edges) - 2} (edges {edges}): masking '
                'these changes nothing. Use larger images, a smaller num_bands of '
                'usfm_mm.DrawDualMask or narrower edges of usfm_mm.DualMaskDataPreprocessor',
                logger='current',
                level=logging.WARNING,
            )

    def normalise(self, images: Tensor) -> Tensor:
        """From intensities in [0, 1] to zero mean and unit standard deviation."""
        return (images - self.mean) / self.std

    def to_unit(self, images: Tensor) -> Tensor:
        """From normalised images back to intensities in [0, 1]; the inverse of ``normalise``."""
        return images * self.std + self.mean
