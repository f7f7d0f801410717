"""MONAI's segmentation networks as backbones of mmseg."""

from typing import Any

from mmengine.model import BaseModule
from torch import Tensor

from usfm_mm.io.optional import optional_import
from usfm_mm.registry import MODELS


@MODELS.register_module()
class MONAINetwork(BaseModule):
    """A network of ``monai.networks.nets`` whose last feature map goes to a host's head.

    Give it the head's ``in_channels`` as ``out_channels``, and ``FCNHead(num_convs=0)``, a 1x1
    convolution, as head. ``DynUNet`` ends in a 1x1 convolution too: one after the other they are
    one linear layer, which is what the network ends with by itself. ``UNet`` ends in a residual
    unit, which the head follows.

    ``DynUNet`` with ``deep_supervision=True`` returns, in training only, the maps of its coarser
    levels too, for as many auxiliary heads.

    Args:
        network: ``dict(type=NAME, ...)``, a class of ``monai.networks.nets`` and its arguments.
        init_cfg: As in mmengine; MONAI's networks initialise themselves.

    Raises:
        ModuleNotFoundError: If MONAI is not installed.
        ValueError: If MONAI has no such network.
    """

    def __init__(self, network: dict, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        # Takes seconds, and only baselines need it.
        nets = optional_import('monai.networks.nets', 'MONAINetwork', 'usfm-mm[seg]')
        settings: dict[str, Any] = dict(network)
        name = settings.pop('type')
        if not hasattr(nets, name):
            raise ValueError(f'MONAI has no network {name!r}: see monai.networks.nets')
        self.network = getattr(nets, name)(**settings)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps.

        Args:
            x: Normalised images, ``[B, C, H, W]``.

        Returns:
            ``[B, out_channels, H, W]``, the finest map first.
        """
        out = self.network(x)
        # MONAI stacks the maps of deep supervision, all resized to the images: [B, maps, C, H, W].
        return out.unbind(1) if out.ndim == x.ndim + 1 else (out,)
