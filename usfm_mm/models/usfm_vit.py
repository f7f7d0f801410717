"""The USFM encoder: mmpretrain's BEiT ViT, for any input size and with fused attention."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models.backbones.beit import BEiTViT
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from usfm_mm.models.archs import ARCHS, find_arch, find_blocks, find_side
from usfm_mm.models.block import block_settings, make_own
from usfm_mm.models.checkpoints.loading import load_pretrained
from usfm_mm.models.checkpoints.tables import resize_tables
from usfm_mm.models.initialisation import init_as_simmim, pretrained_settings
from usfm_mm.models.rel_pos_bias import relative_position_bias, resize_relative_position_bias
from usfm_mm.models.seen_tokens import kept_bias, kept_tokens
from usfm_mm.registry import MODELS


@MODELS.register_module()
class USFMViT(BEiTViT):
    """ViT with relative position bias, the encoder of the paper (4.2).

    It keeps the module names and the outputs of mmpretrain's ``BEiTViT``, so that whatever takes
    the one takes the other: no absolute position embedding, query and value bias but no key bias,
    LayerScale 0.1, LayerNorm eps 1e-6. By default all blocks share one bias table, as in SimMIM
    and in the released weights.

    Two differences. Stochastic depth acts once on each branch, as in BEiT: the parent also passes
    its rate to mmcv's ``FFN``, which drops the second branch a second time. And images whose sides
    are no multiples of the patch are resized, bilinearly, to the next multiples, so that the maps
    cover the image exactly and a host may resize them back to it.

    Args:
        arch: ``'tiny'``, ``'small'``, ``'base'``, ``'large'``, ``'huge'`` or the first letter, one
            of ``BEiTViT``'s other names, or a dict with ``embed_dims``, ``num_layers``,
            ``num_heads`` and ``feedforward_channels``.
        img_size: Size the bias tables are made for, pixels; a number or (height, width). For
            images of any other size the bias is resized.
        patch_size: Side of a patch, pixels; a number, or twice the same one.
        in_channels: 3, or 1 for grey images.
        out_indices: Blocks (0-based, negative from the end) whose output is returned, in the order
            of the blocks.
        out_type: ``'avg_featmap'`` (``[B, D]``, LayerNorm of the mean patch token), ``'featmap'``
            (``[B, D, h, w]``), ``'cls_token'`` (``[B, D]``) or ``'raw'`` (``[B, 1 + hw, D]``).
        output_cls_token: With ``'featmap'``, each output is a pair of the map and the class token,
            as mmseg's ``DPTHead`` takes it.
        frozen: Extractor mode: parameters need no gradient, the module stays in eval mode also
            when the host calls ``train()``, and forward builds no graph.
        frozen_stages: Freeze the patch embedding, the shared bias table and that many blocks; -1
            for none.
        with_cp: Recompute blocks in the backward pass instead of keeping their activations.
        fused_attention: Use PyTorch's fused attention; None for the faster choice of the device,
            which is fused on CUDA and not fused on a CPU.
        use_rel_pos_bias: One bias table per block, as in BEiT, instead of a shared one.
        use_shared_rel_pos_bias: The shared table; by default the opposite of
            ``use_rel_pos_bias``.
        layer_cfgs: Further arguments of the blocks, a dict or one for each.
        init_cfg: ``dict(type='Pretrained', checkpoint=PATH)`` loads any layout that
            :mod:`usfm_mm.models.checkpoints` knows; ``prefix=`` chooses the weights whose names
            begin with it.
        kwargs: Further arguments of ``BEiTViT``: ``final_norm=True`` normalises the last block's
            output, as pre-training does, ``layer_scale_init_value=0`` leaves LayerScale out, ...

    Raises:
        ValueError: For an argument out of range, or images whose channels are not
            ``in_channels``.

    Example:
        >>> encoder = USFMViT('tiny', in_channels=1, out_type='featmap', out_indices=[3, 5, 7, 11])
        >>> [tuple(feature.shape) for feature in encoder(torch.zeros(2, 1, 96, 128))][:2]
        [(2, 192, 6, 8), (2, 192, 6, 8)]
    """

    init_cfg: dict | list[dict] | None
    arch_zoo = ARCHS

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int | tuple[int, int] = 224,
        patch_size: int | tuple[int, int] = 16,
        in_channels: int = 3,
        out_indices: int | Sequence[int] = -1,
        out_type: str = 'avg_featmap',
        output_cls_token: bool = False,
        frozen: bool = False,
        frozen_stages: int = -1,
        with_cp: bool = False,
        fused_attention: bool | None = None,
        use_rel_pos_bias: bool = False,
        use_shared_rel_pos_bias: bool | None = None,
        layer_cfgs: dict | Sequence[dict] | None = None,
        init_cfg: dict | list[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        settings, side = find_arch(arch), find_side(patch_size)
        depth = settings['num_layers']
        if not -1 <= frozen_stages <= depth:
            raise ValueError(f'frozen_stages={frozen_stages}, but the encoder has {depth} blocks')
        if output_cls_token and out_type != 'featmap':
            raise ValueError(f"output_cls_token needs out_type='featmap', got {out_type!r}")
        if use_shared_rel_pos_bias is None:
            use_shared_rel_pos_bias = not use_rel_pos_bias
        super().__init__(
            arch=settings,
            img_size=img_size,
            patch_size=side,
            in_channels=in_channels,
            out_indices=find_blocks(out_indices, depth),
            out_type=out_type,
            frozen_stages=frozen_stages,
            use_rel_pos_bias=use_rel_pos_bias,
            use_shared_rel_pos_bias=use_shared_rel_pos_bias,
            layer_cfgs=block_settings(layer_cfgs, depth),
            init_cfg=init_cfg,
            **kwargs,
        )
        self.in_channels, self.patch_size = in_channels, side
        self.frozen, self.with_cp, self.output_cls_token = frozen, with_cp, output_cls_token
        for layer in self.layers:
            make_own(layer, fused_attention)
        if frozen:
            self.requires_grad_(False)
            self.eval()

    def init_weights(self) -> None:
        """Load the checkpoint of ``init_cfg``, else initialise as SimMIM does."""
        init_cfg = self.init_cfg
        settings = pretrained_settings(init_cfg) if init_cfg else None
        self.init_cfg = None  # the host would load with strict=False
        super().init_weights()
        self.init_cfg = init_cfg
        if settings:
            load_pretrained(self, **settings)
        else:
            init_as_simmim(self)

    def _freeze_stages(self) -> None:
        super()._freeze_stages()
        if self.rel_pos_bias is not None:  # part of every block
            self.rel_pos_bias.requires_grad_(False)

    def train(self, mode: bool = True) -> 'USFMViT':
        """Set training mode; what is frozen stays in eval mode."""
        super().train(mode and not self.frozen)
        if self.frozen_stages > 0:
            self._freeze_stages()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images.

        Args:
            x: Normalised images, ``[B, in_channels, H, W]``.

        Returns:
            One tensor per ``out_indices``, shaped as ``out_type`` says, h and w being H and W over
            the patch, rounded up.

        Raises:
            ValueError: For images with other channels.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            tokens, grid = self.embed(x)
            return self.encode(tokens, grid)

    def embed(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Patch tokens ``[B, hw, D]`` of images ``[B, C, H, W]``, and the grid (h, w)."""
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(
                f'USFMViT was built for images [B, {self.in_channels}, H, W] '
                f'(in_channels={self.in_channels}), got {tuple(x.shape)}'
            )
        size = [-(-int(side) // self.patch_size) * self.patch_size for side in x.shape[-2:]]
        if size != [int(side) for side in x.shape[-2:]]:
            x = F.interpolate(x, size, mode='bilinear', align_corners=False)
        tokens, grid = self.patch_embed(x)
        return tokens, (int(grid[0]), int(grid[1]))

    def encode(
        self, tokens: Tensor, grid: tuple[int, int], keep: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Run the blocks on patch tokens ``[B, hw, D]`` of a grid (h, w).

        With numbers of tokens ``keep``, ``[B, n]``, on these alone: ``out_type`` is 'raw' then.
        """
        x = tokens
        if self.cls_token is not None:
            x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        if self.pos_embed is not None:
            how = self.interpolate_mode, self.num_extra_tokens
            x = x + self.resize_pos_embed(self.pos_embed, self.patch_resolution, grid, *how)
        x = self.drop_after_pos(x)
        if keep is not None:
            x, keep = kept_tokens(x, keep, self.num_extra_tokens)
        shared = self._bias(self.rel_pos_bias, grid, keep) if self.rel_pos_bias else None
        outs = []
        for i, layer in enumerate(self.layers):
            bias = shared
            if layer.attn.use_rel_pos_bias:
                own = self._bias(layer.attn, grid, keep)
                bias = own if shared is None else own + shared
            if self.with_cp and torch.is_grad_enabled():
                x = checkpoint(layer, x, bias, use_reentrant=False)
            else:
                x = layer(x, bias)
            if i == self.num_layers - 1 and self.final_norm:
                x = self.ln1(x)
            if i in self.out_indices:
                outs.append(self._format_output(x, grid))
        return tuple(outs)

    def _format_output(self, x: Tensor, hw: tuple[int, int]) -> Any:
        out = super()._format_output(x, hw)
        return (out, x[:, 0]) if self.output_cls_token else out

    def _bias(self, holder: Any, grid: tuple[int, int], keep: Tensor | None = None) -> Tensor:
        """Bias of a grid, ``[heads, N, N]``, or of what is kept of it, ``[B, heads, n, n]``."""
        table = resize_relative_position_bias(
            holder.relative_position_bias_table, self.patch_resolution, grid
        )
        bias = relative_position_bias(table, *grid)
        bias = bias if self.cls_token is not None else bias[:, 1:, 1:]
        return bias if keep is None else kept_bias(bias, keep)

    def _prepare_relative_position_bias_table(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Fit the tables of a state dict to the model (called by ``load_state_dict``).

        The parent's needs a function that SciPy removed, takes every grid for square and does not
        find a shared table under a prefix.
        """
        resize_tables(state_dict, prefix, self)

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter for layer-wise learning-rate decay.

        ``prefix``, such as ``'backbone.'``, precedes the encoder's own names.

        Returns:
            Depth and number of depths: 0 for what stands before the blocks and the shared bias
            table, i + 1 for block i, ``num_layers + 1`` for what follows the blocks.
        """
        if param_name.startswith((f'{prefix}rel_pos_bias', f'{prefix}mask_token')):
            return 0, self.num_layers + 2  # the parent counts them among the heads
        return super().get_layer_depth(param_name, prefix)
