"""What an encoder starts from: random weights as SimMIM draws them, or a checkpoint."""

from typing import Any

from mmengine.model import PretrainedInit
from mmengine.model.weight_init import trunc_normal_
from torch import Tensor, nn


def truncated_normal(tensor: Tensor, std: float = 0.02) -> None:
    """Fill with a normal distribution cut off at one standard deviation, as SimMIM does."""
    trunc_normal_(tensor, std=std, a=-std, b=std)


def init_as_simmim(encoder: Any) -> None:
    """Initialise a ``BEiTViT`` as SimMIM does its ViT.

    Weights of linear layers and the class token are truncated normal, biases zero; what a block
    adds at the start gets smaller with its depth i (1, 2, ...), by ``1 / sqrt(2 i)``, as in BEiT.
    """
    for module in encoder.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            truncated_normal(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if encoder.cls_token is not None:
        truncated_normal(encoder.cls_token)
    for depth, layer in enumerate(encoder.layers, start=1):
        last = layer.ffn.layers[layer.ffn.num_fcs - 1]
        for weight in (layer.attn.proj.weight, last.weight):
            weight.data.div_((2 * depth) ** 0.5)


def pretrained_settings(init_cfg: Any) -> dict[str, Any]:
    """Arguments of ``load_pretrained`` from an ``init_cfg``, a dict or a list of one.

    Raises:
        ValueError: If it is not one ``Pretrained`` with what we know.

    Example:
        >>> pretrained_settings([dict(type='Pretrained', checkpoint='USFM_latest.pth')])
        {'checkpoint': 'USFM_latest.pth'}
    """
    given = init_cfg[0] if isinstance(init_cfg, (list, tuple)) and len(init_cfg) == 1 else init_cfg
    if isinstance(given, dict) and 'checkpoint' in given:
        settings = {k: v for k, v in given.items() if k not in ('type', 'map_location')}
        known = given.get('type') in ('Pretrained', 'mmengine.Pretrained', PretrainedInit)
        if known and settings.keys() <= {'checkpoint', 'prefix'}:
            return settings
    raise ValueError(
        "encoders know init_cfg=dict(type='Pretrained', checkpoint=..., prefix=...), and without "
        f'init_cfg they initialise themselves; got {init_cfg}'
    )
