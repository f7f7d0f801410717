"""The USFM encoder: mmpretrain's BEiT ViT, for any input size and with fused attention."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model.weight_init import trunc_normal_
from mmpretrain.models.backbones.beit import BEiTTransformerEncoderLayer, BEiTViT
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from usfm_mm.models.checkpoints.loading import load_pretrained, resize_tables
from usfm_mm.models.rel_pos_bias import relative_position_bias, resize_relative_position_bias
from usfm_mm.registry import MODELS


class USFMBlock(BEiTTransformerEncoderLayer):
    """BEiT encoder block with the same parameters and the same function, computed in fewer passes.

    Two differences to the parent. LayerScale, stochastic depth and the residual are one fused
    operation. And stochastic depth acts once on each branch, as in BEiT: the parent also passes
    its rate to mmcv's ``FFN``, which drops the second branch a second time.
    """

    fused_attention: bool | None = None  # None: on CUDA, where it is the faster one

    def forward(self, x: Tensor, rel_pos_bias: Tensor | None = None) -> Tensor:
        """Encode tokens.

        Args:
            x: Tokens, ``[B, N, D]``.
            rel_pos_bias: Bias of the attention logits, ``[heads, N, N]``.

        Returns:
            Tokens, ``[B, N, D]``.
        """
        x = self._add(x, self.gamma_1, self._attend(self.ln1(x), rel_pos_bias))
        # Only the layers: FFN's own stochastic depth is left out, see the class.
        return self._add(x, self.gamma_2, self.ffn.layers(self.ln2(x)))

    def _add(self, x: Tensor, gamma: Tensor | None, branch: Tensor) -> Tensor:
        """``x + gamma * drop_path(branch)``."""
        scale = x.new_ones(x.shape[-1]) if gamma is None else gamma
        drop = self.drop_path.drop_prob
        if self.training and drop > 0:
            kept = x.new_empty(x.shape[0], 1, 1).bernoulli_(1 - drop).div_(1 - drop)
            scale = scale * kept
        return torch.addcmul(x, scale.to(x.dtype), branch.to(x.dtype))

    def _attend(self, x_BND: Tensor, bias_HNN: Tensor | None) -> Tensor:
        attn = self.attn
        B, N, D = x_BND.shape
        qkv_bias = attn.qkv.bias
        if attn.bias == 'qv_bias':  # BEiT: the keys have no bias
            qkv_bias = torch.cat((attn.q_bias, torch.zeros_like(attn.v_bias), attn.v_bias))
        qkv = F.linear(x_BND, attn.qkv.weight, qkv_bias)
        q, k, v = qkv.view(B, N, 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        dropout = attn.attn_drop.p if self.training else 0.0
        if self.fused_attention or (self.fused_attention is None and x_BND.is_cuda):
            bias = None if bias_HNN is None else bias_HNN.to(q.dtype).unsqueeze(0)
            out = F.scaled_dot_product_attention(q, k, v, bias, dropout, scale=attn.scale)
        else:
            logits = (q * attn.scale) @ k.transpose(-2, -1)
            if bias_HNN is not None:
                logits += bias_HNN.to(logits.dtype)
            weight = F.dropout(logits.softmax(dim=-1), dropout).to(v.dtype)
            out = weight @ v
        return attn.proj_drop(attn.proj(out.transpose(1, 2).reshape(B, N, D)))


@MODELS.register_module()
class USFMViT(BEiTViT):
    """ViT with relative position bias, the encoder of the paper (4.2).

    It keeps the module names and the outputs of mmpretrain's ``BEiTViT``, so that whatever takes
    the one takes the other: no absolute position embedding, query and value bias but no key bias,
    LayerScale 0.1, LayerNorm eps 1e-6. By default all blocks share one bias table, as in SimMIM
    and in the released weights.

    Args:
        arch: ``'tiny'``, ``'small'``, ``'base'``, ``'large'``, ``'huge'``, or a dict with
            ``embed_dims``, ``num_layers``, ``num_heads`` and ``feedforward_channels``.
        img_size: Size the bias tables are made for, pixels; a number or (height, width). Images of
            any other size that is a multiple of the patch work too: the bias is then resized.
        patch_size: Side of a patch, pixels.
        in_channels: 3, or 1 for grey images.
        out_indices: Blocks (0-based, negative from the end) whose output is returned.
        out_type: ``'avg_featmap'`` (``[B, D]``, LayerNorm of the mean patch token), ``'featmap'``
            (``[B, D, h, w]``), ``'cls_token'`` (``[B, D]``) or ``'raw'`` (``[B, 1 + hw, D]``).
        final_norm: Normalise the last block's output, as pre-training does.
        frozen: Extractor mode: parameters need no gradient, the module stays in eval mode also
            when the host calls ``train()``, and forward builds no graph.
        with_cp: Recompute blocks in the backward pass instead of keeping their activations.
        fused_attention: Use PyTorch's fused attention; None for the faster choice of the device,
            which is fused on CUDA and not fused on a CPU.
        use_rel_pos_bias: One bias table per block, as in BEiT, instead of a shared one.
        use_shared_rel_pos_bias: The shared table; by default the opposite of
            ``use_rel_pos_bias``.
        layer_scale_init_value: Start of LayerScale; 0 leaves it out.
        init_cfg: ``dict(type='Pretrained', checkpoint=PATH)`` loads any layout that
            :mod:`usfm_mm.models.checkpoints.loading` knows.
        kwargs: Further arguments of ``BEiTViT`` (``drop_path_rate``, ``norm_cfg``, ...).

    Raises:
        ValueError: For an unknown ``arch`` or ``out_type``, or images whose size is not a multiple
            of the patch or whose channels are not ``in_channels``.
    """

    init_cfg: dict | None
    arch_zoo = {
        name: dict(
            embed_dims=dims, num_layers=layers, num_heads=heads, feedforward_channels=4 * dims
        )
        for name, dims, layers, heads in (
            ('tiny', 192, 12, 3),
            ('small', 384, 12, 6),
            ('base', 768, 12, 12),
            ('large', 1024, 24, 16),
            ('huge', 1280, 32, 16),
        )
    }

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int | tuple[int, int] = 224,
        patch_size: int = 16,
        in_channels: int = 3,
        out_indices: int | Sequence[int] = -1,
        out_type: str = 'avg_featmap',
        final_norm: bool = False,
        frozen: bool = False,
        with_cp: bool = False,
        fused_attention: bool | None = None,
        use_rel_pos_bias: bool = False,
        use_shared_rel_pos_bias: bool | None = None,
        layer_scale_init_value: float = 0.1,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(arch, str) and arch not in self.arch_zoo:
            raise ValueError(f'arch must be a dict or one of {list(self.arch_zoo)}, got {arch!r}')
        settings = self.arch_zoo[arch] if isinstance(arch, str) else arch
        if use_shared_rel_pos_bias is None:
            use_shared_rel_pos_bias = not use_rel_pos_bias
        super().__init__(
            arch=settings,
            img_size=img_size,
            patch_size=patch_size,
            in_channels=in_channels,
            out_indices=[out_indices] if isinstance(out_indices, int) else list(out_indices),
            out_type=out_type,
            final_norm=final_norm,
            use_rel_pos_bias=use_rel_pos_bias,
            use_shared_rel_pos_bias=use_shared_rel_pos_bias,
            layer_scale_init_value=layer_scale_init_value,
            init_cfg=init_cfg,
            **kwargs,
        )
        self.in_channels = in_channels
        self.patch_size = patch_size
        self.frozen = frozen
        self.with_cp = with_cp
        for layer in self.layers:
            # Same parameters under the same names; the parent builds its own block class and
            # offers no argument for another one.
            layer.__class__ = USFMBlock
            layer.fused_attention = fused_attention
        if frozen:
            self.requires_grad_(False)
            self.eval()

    def init_weights(self) -> None:
        """Load the checkpoint of ``init_cfg``, else initialise as SimMIM does."""
        init_cfg: Any = self.init_cfg
        self.init_cfg = None  # the host would load with strict=False
        super().init_weights()
        self.init_cfg = init_cfg
        if init_cfg and init_cfg['type'] in ('Pretrained', 'mmengine.Pretrained'):
            load_pretrained(self, init_cfg['checkpoint'])
        elif init_cfg:
            raise ValueError(
                f"USFMViT knows init_cfg=dict(type='Pretrained', checkpoint=...), got {init_cfg}"
            )
        else:
            self._init_simmim()

    def _init_simmim(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if self.cls_token is not None:
            trunc_normal_(self.cls_token, std=0.02)
        # BEiT: the deeper a block, the smaller what it adds at the start.
        for depth, layer in enumerate(self.layers, start=1):
            layer.attn.proj.weight.data.div_((2 * depth) ** 0.5)
            layer.ffn.layers[1].weight.data.div_((2 * depth) ** 0.5)

    def train(self, mode: bool = True) -> 'USFMViT':
        """Set training mode; a frozen encoder stays in eval mode."""
        super().train(mode and not self.frozen)
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images.

        Args:
            x: Normalised images, ``[B, in_channels, H, W]``; H and W multiples of the patch.

        Returns:
            One tensor per ``out_indices``, shaped as ``out_type`` says.

        Raises:
            ValueError: For images of a wrong size or number of channels.
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
        if any(side % self.patch_size or not side for side in x.shape[-2:]):
            raise ValueError(
                f'image size {x.shape[-2]}x{x.shape[-1]} is not a multiple of the patch size '
                f'{self.patch_size}: resize, crop or pad the images'
            )
        return self.patch_embed(x)

    def encode(self, tokens: Tensor, grid: tuple[int, int]) -> tuple[Tensor, ...]:
        """Run the blocks on patch tokens ``[B, hw, D]`` of a grid (h, w)."""
        x = tokens
        if self.cls_token is not None:
            x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        if self.pos_embed is not None:
            x = x + self.resize_pos_embed(
                self.pos_embed,
                self.patch_resolution,
                grid,
                self.interpolate_mode,
                self.num_extra_tokens,
            )
        x = self.drop_after_pos(x)
        shared = None
        if self.rel_pos_bias is not None:
            shared = self._bias(self.rel_pos_bias.relative_position_bias_table, grid)
        outs = []
        for i, layer in enumerate(self.layers):
            bias = shared
            if self.use_rel_pos_bias:
                bias = self._bias(layer.attn.relative_position_bias_table, grid)
            if self.with_cp and torch.is_grad_enabled():
                x = checkpoint(layer, x, bias, use_reentrant=False)
            else:
                x = layer(x, bias)
            if i == self.num_layers - 1 and self.final_norm:
                x = self.ln1(x)
            if i in self.out_indices:
                outs.append(self._format_output(x, grid))
        return tuple(outs)

    def _bias(self, table: Tensor, grid: tuple[int, int]) -> Tensor:
        """Bias ``[heads, N, N]`` of a grid, from a table made for ``patch_resolution``."""
        resized = resize_relative_position_bias(table, self.patch_resolution, grid)
        bias = relative_position_bias(resized, *grid)
        return bias if self.cls_token is not None else bias[:, 1:, 1:]

    def _prepare_relative_position_bias_table(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Resize the tables of a checkpoint of another size (called by ``load_state_dict``).

        Replaces the parent's, which needs a function that SciPy removed, takes every grid for
        square and does not find a shared table under a prefix.
        """
        resize_tables(state_dict, prefix, self)

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter for layer-wise learning-rate decay.

        Args:
            param_name: Full name of the parameter.
            prefix: What precedes the encoder's own names, such as ``'backbone.'``.

        Returns:
            Depth and number of depths: 0 for the patch embedding, the class token and the shared
            bias table, i + 1 for block i, ``num_layers + 1`` for what follows the blocks.
        """
        if param_name.startswith(prefix + 'rel_pos_bias'):
            return 0, self.num_layers + 2  # the parent would count it among the heads
        return super().get_layer_depth(param_name, prefix)
