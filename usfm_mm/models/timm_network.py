"""A network of timm, by its name, untrained."""

import difflib
import re
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from usfm_mm.io.optional import optional_import
from usfm_mm.registry import MODELS

_SIZED = re.compile(r"unexpected keyword argument 'img_size'")


@MODELS.register_module()
class TimmNetwork(nn.Module):
    """A network of timm for :class:`~usfm_mm.models.any_encoder.AnyEncoder`.

    It is built with ``pretrained=False``: nothing is loaded from the network. Weights come from a
    file, by the encoder.

    Args:
        name: Of timm's list, such as ``'convnext_tiny'``.
        img_size: Side of the images, pixels, for the networks that are made for one size.
        out_indices: Which of its intermediate maps :meth:`forward` returns; None for all.

    Raises:
        ModuleNotFoundError: timm is not installed.
        ValueError: timm has no such network, or it gives no intermediate maps.
    """

    def __init__(
        self, name: str, img_size: int = 224, out_indices: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        timm = optional_import('timm', f'the encoder timm/{name}', 'usfm-mm[encoders]')
        if not timm.is_model(name):  # a name with a scheme would be looked up on the network
            close = difflib.get_close_matches(name, timm.list_models(), n=3)
            hint = f'; did you mean {", ".join(close)}?' if close else ''
            raise ValueError(f'timm {timm.__version__} has no network {name!r}{hint}')
        try:
            model = timm.create_model(name, pretrained=False, num_classes=0, img_size=img_size)
        except TypeError as error:
            if not _SIZED.search(str(error)):
                raise
            model = timm.create_model(name, pretrained=False, num_classes=0)
        if not hasattr(model, 'forward_intermediates'):
            raise ValueError(f'{name} of timm gives no intermediate maps: choose another network')
        self.model: Any = model
        self.out_indices = None if out_indices is None else list(out_indices)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Maps ``[B, C, h, w]`` of images ``[B, 3, H, W]``, shallow ones first, without a norm."""
        maps = self.model.forward_intermediates(
            x, indices=self.out_indices, output_fmt='NCHW', intermediates_only=True
        )
        return tuple(maps)

    def vector(self, x: Tensor) -> Tensor:
        """A vector ``[B, D]`` for each image: the mean of what comes last, as timm pools it.

        Of a transformer that timm reads by its class token, the mean of the patch tokens after the
        last norm, as it is for every other one here.
        """
        last = self.model.forward_features(x)
        if last.ndim == 3 and getattr(self.model, 'global_pool', 'avg') != 'avg':
            return last[:, getattr(self.model, 'num_prefix_tokens', 0) :].mean(dim=1)
        return self.model.forward_head(last, pre_logits=True)

    def normalisation(self) -> tuple[list[float], list[float]]:
        """Mean and std, 0 to 255, that timm's weights of this network were trained with."""
        told = self.model.pretrained_cfg
        return [255 * v for v in told['mean']], [255 * v for v in told['std']]

    def divisor(self) -> int:
        """What the sides of the images must be multiples of, pixels."""
        patch = getattr(getattr(self.model, 'patch_embed', None), 'patch_size', 1)
        return int(max(patch)) if isinstance(patch, tuple) else int(patch)

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter and number of depths: a block of a ViT is one, else a stage."""
        if not hasattr(self, '_depths'):
            from timm.models._manipulate import group_with_matcher

            matcher = self.model.group_matcher(coarse=not hasattr(self.model, 'blocks'))
            named = self.model.named_parameters()
            self._depths: dict[str, int] = group_with_matcher(named, matcher, reverse=True)
        number = max(self._depths.values()) + 2
        return self._depths.get(param_name.removeprefix(f'{prefix}model.'), number - 1), number
