"""SimMIM's ViT, for the SimMIM-US baseline: a learnable token instead of dual masking."""

from typing import Any

import torch
from torch import Tensor, nn

from usfm_mm.models.initialisation import truncated_normal
from usfm_mm.models.usfm_vit import USFMViT
from usfm_mm.registry import MODELS


@MODELS.register_module()
class SimMIMViT(USFMViT):
    """``USFMViT`` for mmpretrain's ``SimMIM``, whose own encoder is a Swin transformer.

    Masked patch tokens are replaced by a learnable token (Xie et al., CVPR 2022).
    """

    def __init__(self, out_type: str = 'featmap', final_norm: bool = True, **kwargs: Any) -> None:
        super().__init__(out_type=out_type, final_norm=final_norm, **kwargs)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))

    def init_weights(self) -> None:
        """Initialise as the parent does, and the mask token."""
        super().init_weights()
        truncated_normal(self.mask_token)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """Encode images whose masked patches are hidden.

        Args:
            x: Normalised images, ``[B, C, H, W]``.
            mask: ``[B, h, w]``, 1 or True where a patch token is masked; None masks nothing.

        Returns:
            One tensor per ``out_indices``, shaped as ``out_type`` says.
        """
        tokens, grid = self.embed(x)
        if mask is not None:
            hidden = mask.flatten(1).unsqueeze(-1).bool()
            tokens = torch.where(hidden, self.mask_token.to(tokens.dtype), tokens)
        return self.encode(tokens, grid)
