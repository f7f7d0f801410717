"""MAE around our ViT, for a baseline that is pre-trained on the same images, as long."""

from typing import Any

import torch
from mmpretrain.models.necks import MAEPretrainDecoder
from mmpretrain.models.selfsup import MAE
from mmpretrain.structures import DataSample
from torch import Tensor

from usfm_mm.models.usfm_vit import USFMViT
from usfm_mm.registry import MODELS


@MODELS.register_module()
class MAEViT(USFMViT):
    """``USFMViT`` that is shown the patches that no mask hides, and no others.

    Masked autoencoders (He et al., CVPR 2022) have a ViT with absolute positions; here tokens know
    where they are by the relative bias between those that are there, so that the encoder is that
    of the other pre-trainings and starts the same models.

    Example:
        >>> encoder = MAEViT(arch='tiny', img_size=64)
        >>> mask = torch.zeros(2, 4, 4)
        >>> mask[:, 1:] = 1
        >>> latent, hidden, order = encoder(torch.zeros(2, 3, 64, 64), mask, 12)
        >>> latent.shape, hidden.shape, order.shape  # the class token and four patches
        (torch.Size([2, 5, 192]), torch.Size([2, 16]), torch.Size([2, 16]))
    """

    def __init__(self, out_type: str = 'raw', final_norm: bool = True, **kwargs: Any) -> None:
        super().__init__(out_type=out_type, final_norm=final_norm, **kwargs)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, num_hidden: int | None = None
    ) -> tuple[Tensor, ...]:
        """Encode what is to be seen of images.

        Args:
            x: Normalised images, ``[B, C, H, W]``.
            mask: ``[B, h, w]``, 1 or True where a patch token is hidden; None hides nothing.
            num_hidden: How many patches the mask hides in each image, needed with it. Not counted
                here, for which the host would wait for the GPU.

        Returns:
            Without a mask, features as ``USFMViT`` returns them. With one, the class token and the
            seen patches ``[B, 1 + n, D]``, the mask ``[B, hw]``, and the place of each patch in the
            row of the seen ones, then the hidden ones, ``[B, hw]``, as mmpretrain's decoder takes
            them.

        Raises:
            ValueError: There is a mask, but no ``num_hidden``.
        """
        tokens, grid = self.embed(x)
        if mask is None:
            return self.encode(tokens, grid)
        if num_hidden is None:
            raise ValueError('say with num_hidden how many patches the mask hides in each image')
        hidden = mask.flatten(1).bool()
        order = hidden.int().argsort(dim=1, stable=True)
        keep = order[:, : hidden.shape[1] - num_hidden]
        return self.encode(tokens, grid, keep)[0], hidden.to(tokens.dtype), order.argsort(dim=1)


@MODELS.register_module()
class MAEDecoder(MAEPretrainDecoder):
    """mmpretrain's decoder, for a size of image instead of a number of patches.

    Args:
        img_size: Side of the square images, pixels.
        patch_size: Side of a patch, pixels.
        kwargs: As in mmpretrain.
    """

    def __init__(self, img_size: int = 224, patch_size: int = 16, **kwargs: Any) -> None:
        number = (img_size // patch_size) ** 2
        super().__init__(num_patches=number, patch_size=patch_size, **kwargs)


@MODELS.register_module()
class MaskedMAE(MAE):
    """mmpretrain's MAE whose masks come with the images, as SimMIM's do.

    They are drawn by the data's own seeds then, the same on one process or several and after a
    resume; mmpretrain's encoder draws them while it runs.
    """

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample], **kwargs: Any
    ) -> dict[str, Tensor]:
        """Loss of a batch of images, of which ``CountHidden`` says how many patches are hidden.

        Args:
            inputs: Normalised images, ``[B, C, H, W]``.
            data_samples: B samples with ``mask`` ``[h, w]`` and ``num_hidden``.
            kwargs: Not used.

        Raises:
            ValueError: Not as many patches are hidden in each image.
        """
        counts = {sample.num_hidden for sample in data_samples}
        if len(counts) > 1:
            raise ValueError(f'MAE hides as many patches in each image, got {sorted(counts)}')
        mask = torch.stack([sample.mask for sample in data_samples])
        latent, hidden, order = self.backbone(inputs, mask, counts.pop())
        return dict(loss=self.head.loss(self.neck(latent, order), inputs, hidden))
