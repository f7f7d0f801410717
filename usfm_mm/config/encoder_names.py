"""Other people's encoders: of mmpretrain's configs, of timm, or the ViT that a file holds."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_KINDS = "'vit', 'mmpretrain/NAME' or 'timm/NAME'"
# Of mmpretrain's networks, those that have the setting: maps, of images of any size.
_AS_MAPS = dict(out_type='featmap', gap_before_final_norm=False, pad_small_map=True)
_TRAINING = ('init_cfg', 'frozen_stages', 'with_cp', 'norm_eval', 'pretrained')


@dataclass
class Named:
    """A network, as it is to be built.

    Attributes:
        network: Settings, with ``out_indices`` so that it gives all its maps.
        indices: What ``out_indices`` calls each of these maps.
        divisor: What the side of the images must be a multiple of, pixels.
        normalisation: Mean and std, 0 to 255, of its usual weights; None where nobody tells.
    """

    network: dict[str, Any]
    indices: Sequence[int]
    divisor: int = 1
    normalisation: tuple[list[float], list[float]] | None = None


def find_encoder(name: str, size: int, weights: str | None = None) -> Named:
    """Settings of an encoder.

    Args:
        name: ``'vit'``, the plain or BEiT ViT that ``weights`` holds, in any layout, with as many
            heads as its width over 64, or ``'vit:HEADS'``; ``'mmpretrain/NAME'``, the backbone of
            mmpretrain's config of that name, such as ``'mmpretrain/resnet50_8xb32_in1k'``; or
            ``'timm/NAME'``.
        size: Side of the images, pixels.
        weights: File of the weights.

    Raises:
        FileNotFoundError: There are no such weights.
        ModuleNotFoundError: timm is not installed.
        ValueError: There is no such encoder.
    """
    kind, _, rest = name.partition('/')
    if kind == 'timm' and rest:
        return _of_timm(rest, size)
    if kind == 'mmpretrain' and rest:
        return _of_mmpretrain(rest, size)
    if name.partition(':')[0] == 'vit':
        return _of_file(name, size, weights)
    raise ValueError(f'--encoder {name}: give {_KINDS}')


def _of_timm(name: str, size: int) -> Named:
    from usfm_mm.models.timm_network import TimmNetwork

    network = TimmNetwork(name, size)
    divisor = network.divisor()
    indices = range(len(network.model.feature_info))
    settings = dict(type='usfm_mm.TimmNetwork', name=name, img_size=size)
    return Named(settings, indices, divisor, network.normalisation())


def _of_mmpretrain(name: str, size: int) -> Named:
    from mmengine.config import Config

    from usfm_mm.registry import MODELS

    cfg = Config.fromfile(_mmpretrain_config(name))
    settings = dict(cfg.model.get('backbone') or {})
    kind = settings.get('type')
    settings = {key: value for key, value in settings.items() if key not in _TRAINING}
    if not kind:
        raise ValueError(f'--encoder mmpretrain/{name}: its config has no backbone')
    settings['type'] = f'mmpretrain.{kind}'
    known = inspect.signature(MODELS.get(settings['type'])).parameters
    settings |= {key: value for key, value in _AS_MAPS.items() if key in known}
    patch = max(_listed(settings.get('patch_size', 1)))
    if 'img_size' in known:
        settings['img_size'] = size
    built = MODELS.build(settings)
    last = max(_listed(getattr(built, 'out_indices', -1)))
    depth = len(built.layers) if last < 0 else last + 1
    told = cfg.get('data_preprocessor') or {}
    normalisation = (list(told['mean']), list(told['std'])) if told.get('mean') else None
    settings['out_indices'] = list(range(depth))
    return Named(settings, range(depth), patch, normalisation)


def _mmpretrain_config(name: str) -> Path:
    import mmpretrain

    root = Path(mmpretrain.__file__).parent / '.mim' / 'configs'
    found = sorted(root.rglob(f'{name}.py'))
    if len(found) == 1:
        return found[0]
    if not found:
        raise ValueError(
            f'--encoder mmpretrain/{name}: mmpretrain has no such config; mmpretrain.list_models() '
            'names them'
        )
    names = [f'mmpretrain/{path.relative_to(root).with_suffix("")}' for path in found]
    raise ValueError(f'--encoder mmpretrain/{name}: which of {", ".join(names)}?')


def _of_file(name: str, size: int, weights: str | None) -> Named:
    from usfm_mm.models.checkpoints.loading import PATCH_WEIGHT
    from usfm_mm.models.checkpoints.reading import read_checkpoint

    if not weights:
        raise ValueError(f'--encoder {name} is the ViT of a file: name it with --weights')
    found = read_checkpoint(weights)
    encoder, arch = found.encoder, found.arch
    patch = encoder[PATCH_WEIGHT].shape[-1]
    heads = name.partition(':')[2]
    if heads and not (heads.isdigit() and int(heads) and arch['embed_dims'] % int(heads) == 0):
        raise ValueError(f"--encoder {name}: give 'vit:HEADS', a divisor of {arch['embed_dims']}")
    if heads or found.is_vit:
        arch['num_heads'] = int(heads) if heads else max(arch['embed_dims'] // 64, 1)
    scaled = any('gamma' in key for key in encoder)
    settings: dict[str, Any] = dict(arch=arch, patch_size=patch, img_size=size, out_type='featmap')
    settings |= dict(final_norm='ln1.weight' in encoder, layer_scale_init_value=0.1 * scaled)
    settings |= dict(out_indices=list(range(arch['num_layers'])))
    if found.is_vit:
        settings |= dict(type='mmpretrain.VisionTransformer')
        if 'cls_token' not in encoder:
            settings |= dict(with_cls_token=False)
    else:
        own = any(key.startswith('layers.') and key.endswith('bias_table') for key in encoder)
        settings |= dict(type='usfm_mm.USFMViT', use_rel_pos_bias=own)
        settings |= dict(use_abs_pos_emb='pos_embed' in encoder)
    return Named(settings, settings['out_indices'], patch)


def _listed(value: Any) -> list[int]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
