"""Another size of the ViT, and all that has its width."""

from typing import Any

from mmengine.config import Config

from usfm_mm.compat import quiet_imports
from usfm_mm.config.places import Place, backbone_of, places

_VITS = ('usfm_mm.USFMViT', 'usfm_mm.SimMIMViT', 'usfm_mm.MAEViT')
_WIDTHS = {'in_channels', 'embed_dim'}
_HEADS = ('neck', 'pooling', 'head', 'decode_head', 'auxiliary_head')


def set_arch(cfg: Config, arch: str) -> None:
    """Build the config's ``USFMViT`` in another size, with heads that follow its width.

    The channels within the heads of segmentation keep their ratio to the encoder's, as multiples of
    16. Where several blocks are used, those at the same share of the depth are: 3, 5, 7, 11 of 12
    are 7, 11, 15, 23 of 24.

    Args:
        cfg: Config whose backbone is ``USFMViT``; changed in place.
        arch: A name of ``USFMViT.arch_zoo``.

    Raises:
        ValueError: If the backbone is another one or has no named ``arch``, or ``arch`` is unknown.
    """
    backbone, zoo = backbone_of(cfg), _zoo()
    if backbone.get('type') not in _VITS or str(backbone.get('arch')) not in zoo:
        raise ValueError(
            f'--arch is for usfm_mm.USFMViT with an arch of {", ".join(zoo)}; '
            f'{cfg.filename} has {backbone.get("type")}'
        )
    if arch not in zoo:
        raise ValueError(f'--arch is one of {", ".join(zoo)}, not {arch}')
    old, new = zoo[backbone['arch']], zoo[arch]
    before, after = old['embed_dims'], new['embed_dims']

    def replaced(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return type(value)(replaced(width) for width in value)
        return after if value == before else value

    for place in head_places(cfg, _WIDTHS):
        place.node[place.key] = replaced(place.value)
    for place in head_places(cfg, {'channels'}):
        place.node[place.key] = max(16, round(place.value * after / before / 16) * 16)
    backbone['arch'] = arch
    if isinstance(backbone.get('out_indices'), (list, tuple)):
        backbone['out_indices'] = [
            (index + 1) * new['num_layers'] // old['num_layers'] - 1
            for index in backbone['out_indices']
        ]


def check_widths(cfg: Config) -> None:
    """Refuse heads that are made for another width than the encoder has.

    Looks where the width is what must stand there: behind mmseg's ``Feature2Pyramid``, in the
    decoder of SimMIM and in a linear head right behind the encoder.

    Raises:
        ValueError: With both places.
    """
    backbone, neck = backbone_of(cfg), cfg.model.get('neck') or {}
    if backbone.get('type') not in _VITS or not cfg.model.get('backbone'):
        return
    arch, zoo = backbone.get('arch', 'base'), _zoo()
    if str(arch) not in zoo and not isinstance(arch, dict):
        return  # the encoder says what is wrong
    width = (arch if isinstance(arch, dict) else zoo[arch])['embed_dims']
    if neck.get('type') not in ('Feature2Pyramid', 'SimMIMLinearDecoder', None):
        return
    if cfg.get('default_scope') == 'mmseg' and not neck:
        return  # features may be joined
    for place in head_places(cfg, _WIDTHS):
        value = place.value
        widths = value if isinstance(value, (tuple, list)) else [value]
        if any(size != width for size in widths):
            raise ValueError(
                f'the encoder is {width} wide (model.backbone.arch={arch}), but model.{place.path} '
                f'is {value}: use --arch, which changes both'
            )


def head_places(cfg: Config, keys: set[str]) -> list[Place]:
    """Settings in necks and heads that have one of ``keys``."""
    return list(places({k: cfg.model[k] for k in _HEADS if cfg.model.get(k)}, keys))


def _zoo() -> dict[str, dict[str, int]]:
    quiet_imports()
    from usfm_mm.models.usfm_vit import USFMViT  # imports mmpretrain: seconds

    return USFMViT.arch_zoo
