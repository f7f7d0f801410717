"""--encoder: another network in the place of USFM's, with heads that follow it."""

from typing import Any

from mmengine.config import Config, ConfigDict

from usfm_mm.config.arch import head_places
from usfm_mm.config.encoder_names import Named, find_encoder
from usfm_mm.config.normalisation import place_of_normalisation
from usfm_mm.config.places import backbone_of

_LEVELS = 4  # of UPerNet
_BLOCKS = (3, 5, 7, 11)  # of 12, as in usfm/seg_custom_upernet
_VITS = ('usfm_mm.USFMViT', 'mmpretrain.VisionTransformer')
_SCRATCH_LR = 3e-4  # as in configs/baselines/*_scratch.py


def set_encoder(cfg: Config, name: str, weights: str | None = None) -> None:
    """Put a network of mmpretrain or timm, or the ViT of a file, in the place of ``USFMViT``.

    Heads get its widths, and UPerNet four of its maps: of a network with maps of several sizes the
    last of each of the four smallest, without a pyramid between; of a transformer with one size
    the blocks at the same shares of the depth as USFM's. What is frozen stays so. Without weights
    it learns as the baselines from scratch do: at 3e-4, without layer-wise decay.

    Args:
        cfg: Config whose encoder is ``USFMViT``, of segmentation by UPerNet or of classification;
            changed in place.
        name: See :func:`~usfm_mm.config.encoder_names.find_encoder`.
        weights: File of the network's weights; None for random ones.

    Raises:
        FileNotFoundError: There is no such file of weights.
        ModuleNotFoundError: timm is not installed.
        ValueError: The name is unknown, or config or network do not fit.
    """
    backbone = backbone_of(cfg)
    upernet = (cfg.model.get('decode_head') or {}).get('type') == 'UPerHead'
    if backbone.get('type') != 'usfm_mm.USFMViT' or not (upernet or cfg.model.get('head')):
        raise ValueError(
            f'--encoder is for a config of USFM with UPerNet or a linear head, such as '
            f'usfm/seg_custom_upernet or usfm/cls_custom_linear, not {cfg.filename}'
        )
    size = backbone.get('img_size', 224)
    found = find_encoder(name, size, weights)
    if size % found.divisor:
        raise ValueError(
            f'--encoder {name} takes images whose side is a multiple of {found.divisor}: give '
            f'--image-size one, not {size}'
        )
    if found.network['type'] in _VITS:
        found.network['drop_path_rate'] = backbone.get('drop_path_rate', 0.0)
    settings = dict(type='usfm_mm.AnyEncoder', network=found.network)
    settings |= dict(out_type=backbone['out_type'], frozen=backbone.get('frozen', False))
    shapes = _shapes(name, settings, size)
    if upernet:
        chosen = _choose(name, shapes)
        found.network['out_indices'] = [found.indices[place] for place in chosen]
        _fit_upernet(cfg, [shapes[place] for place in chosen])
    else:
        found.network['out_indices'] = [found.indices[-1]]
        for place in head_places(cfg, {'in_channels'}):
            place.node[place.key] = shapes[-1][0]
    init = dict(type='Pretrained', checkpoint=weights) if weights else None
    cfg.model.backbone = ConfigDict(settings, init_cfg=init)
    _set_training(cfg, found, bool(weights))


def _shapes(name: str, settings: dict[str, Any], size: int) -> list[tuple[int, ...]]:
    """Of what the network gives of one image, ``(C, h, w)`` or ``(C,)``."""
    import torch

    from usfm_mm.registry import MODELS

    try:
        encoder = MODELS.build(settings).eval()
        with torch.no_grad():
            given = encoder(torch.zeros(1, 3, size, size))
        return [tuple(value.shape[1:]) for value in given]
    except ModuleNotFoundError:
        raise
    except Exception as error:  # of any network there is
        raise ValueError(
            f'--encoder {name} cannot be used at {size} px: {type(error).__name__}: {error}'
        ) from error


def _choose(name: str, shapes: list[tuple[int, ...]]) -> list[int]:
    """Places of the maps that UPerNet takes."""
    if any(len(shape) != 3 for shape in shapes):
        raise ValueError(f'--encoder {name} gives no feature maps, which segmentation needs')
    last = {shape[1:]: place for place, shape in enumerate(shapes)}
    if len(last) >= _LEVELS:
        return sorted(last.values())[-_LEVELS:]
    number = len(shapes)
    if len(last) > 1 or number < _LEVELS:
        raise ValueError(
            f'--encoder {name} gives {number} maps of {len(last)} sizes: UPerNet takes {_LEVELS} '
            'sizes, or one with as many blocks'
        )
    chosen = sorted({(block + 1) * number // 12 - 1 for block in _BLOCKS})
    return chosen if len(chosen) == _LEVELS else list(range(number - _LEVELS, number))


def _fit_upernet(cfg: Config, shapes: list[tuple[int, ...]]) -> None:
    widths = [shape[0] for shape in shapes]
    if len({shape[1:] for shape in shapes}) == 1:
        cfg.model.neck.embed_dim = widths[0]
    else:  # a pyramid already
        cfg.model.neck = None
    cfg.model.decode_head.in_channels = widths
    auxiliary = cfg.model.get('auxiliary_head')
    if auxiliary:
        auxiliary.in_channels = widths[auxiliary.in_index]


def _set_training(cfg: Config, found: Named, has_weights: bool) -> None:
    _, node = place_of_normalisation(cfg)
    if has_weights and found.normalisation and node is not None:
        node['mean'], node['std'] = found.normalisation
    if has_weights or cfg.model.backbone.frozen or not cfg.get('optim_wrapper'):
        return
    cfg.optim_wrapper.optimizer.lr = _SCRATCH_LR
    if 'layer_decay_rate' in (cfg.optim_wrapper.get('paramwise_cfg') or {}):
        cfg.optim_wrapper.paramwise_cfg.layer_decay_rate = 1.0
