"""CycleGAN's generator with the features of a frozen USFM (paper 4.1.2, Fig. 5b)."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor

from usfm_mm.compat.mmagic import import_mmagic
from usfm_mm.models.enhancement.frozen_extractor import shared_extractor
from usfm_mm.registry import MODELS

# mmagic's ResnetGenerator reaches its bottleneck after a 7x7 and two strided convolutions.
_ENCODER_LAYERS = 3


@MODELS.register_module()
class USFMResnetGenerator(BaseModule):
    """mmagic's ``ResnetGenerator`` which also sees the image through a frozen USFM.

    At the bottleneck, between the strided convolutions and the residual blocks, the feature maps
    of the extractor are normalised over their channels (as a ViT's own last LayerNorm does; the
    blocks' outputs differ in scale), resized to the bottleneck, concatenated with its features, and
    fused by one 1x1 convolution to the bottleneck's width. All other layers and their names are
    those of ``ResnetGenerator``.

    The extractor is used without gradient, so that nothing flows through it to the image either:
    in a cycle, the first generator learns through the second one's convolutions. All generators of
    one ``backbone`` config share one extractor, which is loaded when the first is built. It is no
    part of ``parameters()``; the state dict holds only its fingerprint, by which loading notices
    another extractor, or another use of it.

    Args:
        backbone: Config of ``usfm_mm.USFMViT``; ``out_indices`` chooses the blocks, ``init_cfg``
            the weights, ``in_channels`` 1 or 3.
        in_channels: Channels of the image, 1 or 3. Where the extractor has others, it gets the
            mean of the channels, or equal channels.
        out_channels: Channels of the generated image.
        base_channels: Width of the first layer; the bottleneck has four times as many channels.
        norm_cfg: Normalisation layers.
        mean: Mean that the extractor was trained with, in [0, 255]: one number per channel of the
            extractor, or one for all.
        std: Standard deviation, likewise.
        save_extractor: Put the extractor's weights into the state dict, so that a checkpoint needs
            no other file; once for all generators that share it.
        init_cfg: As in ``ResnetGenerator``; never touches the extractor.
        kwargs: Further arguments of ``ResnetGenerator`` (``num_blocks``, ``padding_mode``, ...).

    Raises:
        ModuleNotFoundError: If mmagic is not installed, with the command that installs it.
        ValueError: If ``mean`` or ``std`` does not fit the extractor.
    """

    extractor_fingerprint: Tensor
    _mean: Tensor
    _std: Tensor

    def __init__(
        self,
        backbone: dict,
        in_channels: int,
        out_channels: int,
        base_channels: int = 64,
        norm_cfg: dict | None = None,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        save_extractor: bool = False,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        import_mmagic()
        from mmagic.models.editors.cyclegan import ResnetGenerator

        norm_cfg = norm_cfg or dict(type='IN')
        super().__init__(init_cfg)
        stock = ResnetGenerator(
            in_channels, out_channels, base_channels, norm_cfg=norm_cfg, init_cfg=init_cfg, **kwargs
        )
        self.model = stock.model
        self.init_type, self.init_gain = stock.init_type, stock.init_gain
        self.extractor = shared_extractor(backbone)
        self.save_extractor = save_extractor
        width = 4 * base_channels
        self.fuse = ConvModule(width + self.extractor.channels, width, 1, norm_cfg=norm_cfg)
        for name, values in (('mean', mean), ('std', std)):
            if len(values) not in (1, self.extractor.encoder.in_channels):
                raise ValueError(
                    f'{name}={values} does not fit an extractor of '
                    f'{self.extractor.encoder.in_channels} channels'
                )
            self.register_buffer(
                f'_{name}', torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1), False
            )
        self.register_buffer('extractor_fingerprint', self._fingerprint())

    def init_weights(self) -> None:
        """Initialise as ``ResnetGenerator`` does, or load the checkpoint of ``init_cfg``."""
        if self.init_cfg and self.init_cfg['type'] == 'Pretrained':
            super().init_weights()
            return
        from mmagic.models.utils import generation_init_weights

        generation_init_weights(self, init_type=self.init_type, init_gain=self.init_gain)
        self._is_init = True

    def forward(self, x: Tensor) -> Tensor:
        """Translate images.

        Args:
            x: Images in [-1, 1], ``[B, in_channels, H, W]``; H and W multiples of 4.

        Returns:
            Images in (-1, 1), ``[B, out_channels, H, W]``.
        """
        encoded = self.model[:_ENCODER_LAYERS](x)
        features = self.extract(x, encoded.shape[-2:])
        fused = self.fuse(torch.cat((encoded, features.to(encoded.dtype)), dim=1))
        return self.model[_ENCODER_LAYERS:](fused)

    @torch.no_grad()
    def extract(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Features of images, without gradient.

        Args:
            x: Images in [-1, 1], ``[B, in_channels, H, W]``.
            size: Height and width of the result.

        Returns:
            All feature maps of the extractor, each of zero mean and unit variance over its
            channels before resizing, ``[B, extractor.channels, *size]``.
        """
        encoder = self.extractor.encoder
        if x.shape[1] != encoder.in_channels:
            x = x.mean(1, keepdim=True).expand(-1, encoder.in_channels, -1, -1)
        x = ((x + 1) * 127.5 - self._mean) / self._std
        maps = [F.layer_norm(m.movedim(1, -1), m.shape[1:2]).movedim(-1, 1) for m in encoder(x)]
        return torch.cat(
            [F.interpolate(m, size, mode='bilinear', align_corners=False) for m in maps], dim=1
        )

    def _fingerprint(self) -> Tensor:
        """Tells apart extractors, the normalisation before them and the blocks that are used."""
        blocks = torch.tensor(self.extractor.encoder.out_indices, dtype=torch.float32)
        used = [tensor.flatten().cpu() for tensor in (self._mean, self._std, blocks)]
        return torch.cat([self.extractor.fingerprint(), *used])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> BaseModule:
        """Move the extractor along (``to``, ``cuda``), though it is no child."""
        self.extractor.encoder._apply(fn)
        return super()._apply(fn, recurse)

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.save_extractor:
            weights = self.extractor.encoder.state_dict(keep_vars=keep_vars)
            held = {value.data_ptr() for value in destination.values()}
            if any(value.data_ptr() in held for value in weights.values()):
                return  # another generator, who shares it, has put it there
            destination.update({f'{prefix}extractor.{k}': v for k, v in weights.items()})

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        mine = f'{prefix}extractor.'
        weights = {k: state_dict.pop(k) for k in list(state_dict) if k.startswith(mine)}
        if weights:
            self.extractor.encoder.load_state_dict(
                {k.removeprefix(mine): v for k, v in weights.items()}
            )
        then = state_dict.get(f'{prefix}extractor_fingerprint')
        now = self._fingerprint()
        if then is not None and not (
            then.shape == now.shape and torch.allclose(then.cpu().float(), now, rtol=1e-4)
        ):
            raise RuntimeError(
                f'{prefix}extractor: the checkpoint was trained with another extractor than '
                "the config's backbone names, or with another mean, std or out_indices. Set its "
                'init_cfg to the file used in training, and these as they were'
            )
        super()._load_from_state_dict(state_dict, prefix, *args)
