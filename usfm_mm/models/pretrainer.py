"""The pre-training algorithm: encoder, linear decoder and two losses."""

from typing import Any

import torch
import torch.distributed as dist
from mmpretrain.models.selfsup.base import BaseSelfSupervisor
from torch import Tensor, nn

from usfm_mm.masking import pixel_mask
from usfm_mm.models.losses import focal_frequency_loss
from usfm_mm.registry import MODELS


@MODELS.register_module()
class USFMPretrainer(BaseSelfSupervisor):
    """Recovers dual-masked images (paper 3.2.3).

    ``L = L_pixel + frequency_weight * L_frequency`` (Eq. 11). The masked image goes straight into
    the encoder; there is no mask token. The decoder is one linear layer from a token to the pixels
    of its patch, as in SimMIM.

    Args:
        backbone: Config of an encoder that returns one feature map ``[B, D, h, w]``.
        data_preprocessor: Config of ``DualMaskDataPreprocessor``.
        frequency_weight: The paper's lambda. 0 leaves the frequency loss out.
        pixel_loss: Config of the loss in space; by default the L1 of Eq. 12, on mmpretrain's
            ``PixelReconstructionLoss``.
        frequency_loss: Config of the loss in frequency; by default ``FocalFrequencyLoss``.
        scope: Pixels the loss in space is the mean over: ``'all'`` (Eq. 12 shows no mask) or
            ``'masked'`` (SimMIM).
        init_cfg: As in mmengine.

    Raises:
        ValueError: For another ``scope``.
    """

    def __init__(
        self,
        backbone: dict,
        data_preprocessor: dict,
        frequency_weight: float = 0.4,
        pixel_loss: dict | None = None,
        frequency_loss: dict | None = None,
        scope: str = 'all',
        init_cfg: dict | None = None,
    ) -> None:
        if scope not in ('all', 'masked'):
            raise ValueError(f"scope must be 'all' or 'masked', got {scope!r}")
        super().__init__(backbone, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        channels, patch = self.backbone.in_channels, self.backbone.patch_size
        if pixel_loss is None:
            pixel_loss = dict(
                type='mmpretrain.PixelReconstructionLoss', criterion='L1', channel=channels
            )
        self.pixel_loss = MODELS.build(pixel_loss)
        self.frequency_loss = MODELS.build(
            frequency_loss or dict(type='usfm_mm.FocalFrequencyLoss')
        )
        self.frequency_weight = frequency_weight
        self.scope = scope
        self.decoder = nn.Sequential(
            nn.Conv2d(self.backbone.embed_dims, channels * patch**2, kernel_size=1),
            nn.PixelShuffle(patch),
        )

    def forward(
        self, inputs: Tensor, data_samples: dict[str, Tensor] | None = None, mode: str = 'tensor'
    ) -> Any:
        """Reconstruct, or compare with the target.

        Args:
            inputs: Masked normalised images, ``[B, C, H, W]``.
            data_samples: From ``DualMaskDataPreprocessor``; not needed in mode ``'tensor'``.
            mode: ``'tensor'``, ``'loss'`` or ``'predict'``.

        Returns:
            The normalised reconstruction ``[B, C, H, W]``, the dict of losses, or a list of one
            dict of errors per image.
        """
        if mode == 'tensor':
            return self.reconstruct(inputs)
        if mode == 'predict':
            return self.predict(inputs, data_samples or {})
        return super().forward(inputs, data_samples, mode)

    def reconstruct(self, inputs: Tensor) -> Tensor:
        """Masked normalised images ``[B, C, H, W]`` to normalised reconstructions, float32.

        Raises:
            ValueError: If H or W is no multiple of the encoder's patch.
        """
        images = self.decoder(self.extract_feat(inputs)[0]).float()
        if images.shape != inputs.shape:
            raise ValueError(
                f'images of {inputs.shape[-2]}x{inputs.shape[-1]} pixels cannot be rebuilt of '
                f'patches of {self.backbone.patch_size}: crop them to a multiple'
            )
        return images

    def loss(self, inputs: Tensor, data_samples: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            inputs: Masked normalised images, ``[B, C, H, W]``.
            data_samples: ``target`` ``[B, C, H, W]``, and ``patch_mask`` for scope ``'masked'``.

        Returns:
            ``loss_pixel`` and ``loss_frequency``, the latter times ``frequency_weight``, so that
            their sum is Eq. 11.
        """
        pred, target = self.reconstruct(inputs), data_samples['target']
        mask = self._loss_mask(data_samples, pred) if self.scope == 'masked' else None
        losses = {'loss_pixel': self.pixel_loss(pred, target, mask)}
        if self.frequency_weight:
            frequency = self.frequency_loss(pred, target)
            losses['loss_frequency'] = self.frequency_weight * frequency
        return losses

    @torch.no_grad()
    def predict(self, inputs: Tensor, data_samples: dict[str, Tensor]) -> list[dict[str, float]]:
        """Errors of each image, on normalised intensities.

        Returns:
            One dict per image: ``pixel`` (mean absolute error over all pixels), ``masked`` (over
            masked patches; as ``pixel`` where nothing is masked) and ``frequency`` (focal
            frequency loss, unweighted).
        """
        pred, target = self.reconstruct(inputs), data_samples['target']
        error = (pred - target).abs().mean(dim=1, keepdim=True)  # [B, 1, H, W]
        pixel = error.mean(dim=(1, 2, 3))
        masked = pixel
        if 'patch_mask' in data_samples:
            mask = pixel_mask(pred, data_samples['patch_mask'])
            count = mask.sum(dim=(1, 2, 3))
            inside = (error * mask).sum(dim=(1, 2, 3)) / count.clamp_min(1)
            masked = torch.where(count > 0, inside, pixel)
        columns = torch.stack([pixel, masked, focal_frequency_loss(pred, target)], dim=1)
        return [
            dict(zip(('pixel', 'masked', 'frequency'), row, strict=True))
            for row in columns.tolist()
        ]

    def parse_losses(self, losses: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Total loss of this process, and what is logged: the mean over all processes."""
        total, log_vars = super().parse_losses(losses)
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            values = torch.stack([value.detach().float() for value in log_vars.values()])
            dist.all_reduce(values)
            values /= dist.get_world_size()
            log_vars = type(log_vars)(zip(log_vars, values.unbind(), strict=True))
        return total, log_vars

    @staticmethod
    def _loss_mask(data_samples: dict[str, Tensor], images: Tensor) -> Tensor:
        """Pixels that the loss in space is the mean over, ``[B, 1, H, W]``.

        A batch in which nothing is masked has the mean over no pixels, which is not defined: it
        counts whole, as an image without masked patches does in ``predict``.
        """
        if 'patch_mask' not in data_samples:
            raise ValueError(
                "scope='masked' needs patch masks: put usfm_mm.DrawDualMask into the pipeline"
            )
        mask = pixel_mask(images, data_samples['patch_mask']).to(images.dtype)
        return torch.where(mask.any(), mask, torch.ones_like(mask))
