"""Reconstruction loss in the frequency domain."""

import torch
from torch import Tensor, nn

from usfm_mm.registry import MODELS


def focal_frequency_loss(
    pred: Tensor, target: Tensor, alpha: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Focal frequency loss of each image (Eq. 13, 14; Jiang et al., ICCV 2021).

    With the difference of the spectra ``D(u, v)``, the loss is the mean over u, v and channels of
    ``w * |D|^2``, where ``w = |D|^alpha`` carries no gradient and is divided by its maximum per
    image and channel. The DFT is orthonormal: Eq. 3's unnormalised one would make the loss tens of
    thousands of times larger than the L1 term it is added to. The transform is linear, so one
    transform of the difference serves; and by Hermitian symmetry half the spectrum, with its inner
    columns counted twice, gives the same number.

    Args:
        pred: ``[B, C, H, W]``, real, any range.
        target: ``[B, C, H, W]``, like ``pred``.
        alpha: Exponent of the spectral weight; 0 gives the plain squared error.
        weight: Mask or weights of pixels, which broadcast to ``pred``: the difference is multiplied
            by them before the transform.

    Returns:
        One loss per image, ``[B]``, float32 (float64 for float64 input).

    Raises:
        ValueError: If the shapes differ or are not ``[B, C, H, W]``.

    Example:
        >>> wave = torch.cos(torch.arange(8) * torch.pi / 4).expand(1, 1, 8, 8)  # one frequency
        >>> focal_frequency_loss(wave, torch.zeros_like(wave))
        tensor([0.5000])
    """
    if pred.shape != target.shape or pred.ndim != 4:
        raise ValueError(
            'focal_frequency_loss needs two tensors [B, C, H, W] of one shape, got '
            f'{tuple(pred.shape)} and {tuple(target.shape)}'
        )
    dtype = torch.promote_types(pred.dtype, torch.float32)
    difference = pred.to(dtype) - target.to(dtype)
    if weight is not None:
        difference = difference * weight
    height, width = difference.shape[-2:]
    spectrum = torch.view_as_real(torch.fft.rfft2(difference, norm='ortho'))
    power = spectrum.square().sum(dim=-1)  # [B, C, H, W // 2 + 1]
    with torch.no_grad():
        focus = power.pow(alpha / 2)
        # The floor keeps 0 / 0 out where prediction and target are equal.
        focus /= focus.amax(dim=(-2, -1), keepdim=True).clamp_min(torch.finfo(dtype).tiny)
        focus.clamp_(0, 1)
        inner = slice(1, (width + 1) // 2)  # columns whose mirror image rfft2 leaves out
        focus[..., inner] *= 2
    return (focus * power).sum(dim=(-2, -1)).mean(dim=1) / (height * width)


@MODELS.register_module()
class FocalFrequencyLoss(nn.Module):
    """Mean of :func:`focal_frequency_loss` over the batch.

    It fits the slots of the hosts' losses: in mmpretrain and mmagic the third argument is a mask or
    a weight.

    Args:
        alpha: Exponent of the spectral weight (Eq. 14); 1 in the paper.
        loss_weight: Factor of the result.
    """

    def __init__(self, alpha: float = 1.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Loss of a batch.

        Args:
            pred: ``[B, C, H, W]``, real.
            target: ``[B, C, H, W]``, real.
            weight: Mask or weights, as in :func:`focal_frequency_loss`.

        Returns:
            A scalar.
        """
        return self.loss_weight * focal_frequency_loss(pred, target, self.alpha, weight).mean()
