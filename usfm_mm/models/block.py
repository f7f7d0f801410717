"""The encoder's block: BEiT's, computed in fewer passes."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmpretrain.models.backbones.beit import BEiTTransformerEncoderLayer
from mmpretrain.models.utils import BEiTAttention
from torch import Tensor


class USFMAttention(BEiTAttention):
    """BEiT's attention, with the bias of any grid from outside and PyTorch's fused kernels."""

    fused: bool | None = None  # None: on CUDA, where it is the faster one

    def forward(self, x: Tensor, rel_pos_bias: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            x: Tokens, ``[B, N, D]``.
            rel_pos_bias: Bias of the attention logits, ``[heads, N, N]`` or one for each image,
                ``[B, heads, N, N]``, also where the table is the block's own: the encoder knows
                the grid, the block does not.

        Returns:
            Tokens, ``[B, N, D]``.
        """
        B, N, D = x.shape
        qkv = self.qkv(x)  # as a module, which LoRA and pruning wrap
        if self.bias == 'qv_bias':  # BEiT: the keys have no bias
            qkv_bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))
            qkv = qkv + qkv_bias.to(qkv.dtype)
        qkv = qkv.view(B, N, 3, self.num_heads, D // self.num_heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        fused = x.is_cuda if self.fused is None else self.fused
        # ONNX's exporter decomposes the fused kernel into one of another memory layout.
        if fused and not torch.onnx.is_in_onnx_export():
            bias = None if rel_pos_bias is None else rel_pos_bias.to(q.dtype)
            if bias is not None and bias.ndim == 3:
                bias = bias.unsqueeze(0)
            dropout = self.attn_drop.p if self.training else 0.0
            out = F.scaled_dot_product_attention(q, k, v, bias, dropout, scale=self.scale)
        else:
            logits = (q * self.scale) @ k.transpose(-2, -1)
            if rel_pos_bias is not None:
                logits += rel_pos_bias.to(logits.dtype)
            out = self.attn_drop(logits.softmax(dim=-1)).to(v.dtype) @ v
        return self.proj_drop(self.proj(out.transpose(1, 2).reshape(B, N, D)))


class USFMBlock(BEiTTransformerEncoderLayer):
    """BEiT's encoder block with the same parameters and the same function.

    LayerScale, stochastic depth and the residual are one fused operation: ``drop_path`` is applied
    to the scale of each image, ``[B, 1, D]`` or ``[B, 1, 1]``, not to the whole branch.
    """

    def forward(self, x: Tensor, rel_pos_bias: Tensor | None = None) -> Tensor:
        """Encode tokens.

        Args:
            x: Tokens, ``[B, N, D]``.
            rel_pos_bias: Bias of the attention logits, as in :class:`USFMAttention`.

        Returns:
            Tokens, ``[B, N, D]``.
        """
        x = self._add(x, self.gamma_1, self.attn(self.ln1(x), rel_pos_bias=rel_pos_bias))
        return self._add(x, self.gamma_2, self.ffn(self.ln2(x)))

    def _add(self, x: Tensor, gamma: Tensor | None, branch: Tensor) -> Tensor:
        """``x + drop_path(gamma * branch)``."""
        scale = x.new_ones(1) if gamma is None else gamma
        scale = self.drop_path(scale.expand(x.shape[0], 1, -1))
        return torch.addcmul(x, scale.to(x.dtype), branch.to(x.dtype))


def make_own(layer: BEiTTransformerEncoderLayer, fused: bool | None) -> None:
    """Turn a block of BEiT into one of ours: the same parameters under the same names.

    Args:
        layer: Changed in place; the parent's encoder has no argument for the class of its blocks.
        fused: Use PyTorch's fused attention; None for the faster choice of the device.
    """
    layer.__class__, layer.attn.__class__ = USFMBlock, USFMAttention
    layer.attn.fused = fused
    for module in layer.modules():
        if hasattr(module, 'drop_prob'):
            module.drop_prob = float(module.drop_prob)  # torch.compile breaks graphs at NumPy's


def block_settings(layer_cfgs: dict | Sequence[dict] | None, depth: int) -> list[dict]:
    """Arguments of each block, whose FFN leaves stochastic depth to the block unless told to drop.

    Args:
        layer_cfgs: Arguments of all blocks, or of each one.
        depth: Number of blocks.
    """
    given = [layer_cfgs or {}] * depth if isinstance(layer_cfgs, dict | None) else layer_cfgs
    defaults = dict(add_identity=False)
    return [
        {**cfg, 'ffn_cfg': {'dropout_layer': None, **cfg.get('ffn_cfg', defaults)}} for cfg in given
    ]
