"""Any network of mmpretrain or timm as an encoder, for the same heads and protocol as USFM's."""

from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor

from usfm_mm.models.checkpoints.any_weights import load_any
from usfm_mm.models.initialisation import pretrained_settings
from usfm_mm.registry import MODELS


@MODELS.register_module()
class AnyEncoder(BaseModule):
    """A network that gives feature maps to UPerNet, or a vector to a linear head.

    The vector is the mean over the positions of the last map, whichever network it is: with
    transformers that is the mean of the patch tokens, as the paper's protocol has it (3.3), also
    of one that was pre-trained on its class token.

    Args:
        network: Settings of a backbone whose forward gives a tuple of maps: of mmpretrain, or
            :class:`~usfm_mm.models.timm_network.TimmNetwork`.
        out_type: ``'featmap'``, maps ``[B, C, h, w]`` as the network gives them, or
            ``'avg_featmap'``, a vector ``[B, C]``.
        frozen: Parameters need no gradient, the network stays in eval mode also when the host
            calls ``train()``, and forward builds no graph.
        init_cfg: ``dict(type='Pretrained', checkpoint=FILE)`` loads the network's weights from a
            file of any layout that :func:`~usfm_mm.models.checkpoints.any_weights.load_any` knows;
            without it the network initialises itself.

    Raises:
        ValueError: For an unknown ``out_type``.

    Example:
        >>> encoder = AnyEncoder(dict(type='mmpretrain.ResNet', depth=18), out_type='avg_featmap')
        >>> encoder(torch.zeros(2, 3, 64, 64))[0].shape
        torch.Size([2, 512])
    """

    init_cfg: dict | list[dict] | None

    def __init__(
        self,
        network: dict,
        out_type: str = 'featmap',
        frozen: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if out_type not in ('featmap', 'avg_featmap'):
            raise ValueError(f"out_type must be 'featmap' or 'avg_featmap', got {out_type!r}")
        self.network = MODELS.build(network)
        self.out_type, self.frozen = out_type, frozen
        if frozen:
            self.requires_grad_(False)
            self.eval()

    def init_weights(self) -> None:
        """Let the network initialise itself, then load the checkpoint of ``init_cfg``."""
        init_cfg = self.init_cfg
        self.init_cfg = None  # the host would load with strict=False
        super().init_weights()
        self.init_cfg = init_cfg
        if init_cfg:
            load_any(self.network, **pretrained_settings(init_cfg))

    def train(self, mode: bool = True) -> 'AnyEncoder':
        """Set training mode; what is frozen stays in eval mode."""
        super().train(mode and not self.frozen)
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode normalised images ``[B, 3, H, W]``: maps, or one vector."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            if self.out_type == 'featmap':
                return tuple(self.network(x))
            if hasattr(self.network, 'vector'):
                return (self.network.vector(x),)
            last = self.network(x)[-1]
            return (last.mean(dim=(2, 3)) if last.ndim == 4 else last,)

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter for layer-wise learning-rate decay, and the number of depths.

        Networks that do not tell have one depth: all of them learns at the full rate.
        """
        depth: Any = getattr(self.network, 'get_layer_depth', None)
        try:
            return (0, 1) if depth is None else depth(param_name, f'{prefix}network.')
        except NotImplementedError:  # ResNets of some depths
            return 0, 1
