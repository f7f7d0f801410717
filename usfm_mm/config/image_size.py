"""Image size and mask patch: wherever they stand, and whether they fit each other."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from usfm_mm.config.places import Place, backbone_of, places

_SIZES = {'scale', 'crop_size', 'size', 'img_size', 'input_size'}
_MASKS = {'mask_size', 'mask_patch_size'}
_PIXELS = 16  # a scale below is a factor, a size below no image


def set_image_size(cfg: Config, size: int) -> None:
    """Put ``size`` in the place of the config's own wherever it stands in data and model.

    Args:
        cfg: Config with a top-level ``image_size``; changed in place.
        size: Side of the square images that the model sees, pixels.

    Raises:
        KeyError: If the config has no top-level ``image_size``.
        ValueError: If ``size`` is not a multiple of the backbone's patch, or of what the config's
            ``size_divisor`` says, or the config has images of several sizes.
    """
    if not cfg.get('image_size'):
        raise KeyError(f'{cfg.filename} has no image_size: use --cfg-options for its own names')
    check_image_size(cfg)
    test_cfg = (cfg.model.get('data_preprocessor') or {}).get('test_cfg') or {}
    multiple = test_cfg.get('size_divisor', _patch(cfg))
    if size < 1 or size % multiple:
        raise ValueError(f'--image-size {size} is not a multiple of {multiple}')
    for place in _sizes(cfg):
        old = place.value
        sides = isinstance(old, (tuple, list))
        place.node[place.key] = type(old)(size for _ in old) if sides else size
    cfg.image_size = size


def set_mask_size(cfg: Config, size: int) -> None:
    """Make the mask patches of training, validation and test ``size`` pixels wide.

    Raises:
        KeyError: If the config masks no patches.
    """
    masks = list(_masks(cfg))
    if not masks:
        raise KeyError(f'{cfg.filename} masks no patches: --mask-size is for pre-training')
    for place in masks:
        place.node[place.key] = size


def check_image_size(cfg: Config) -> None:
    """Refuse a config that says two sizes of image.

    Raises:
        ValueError: With both places. A config that means it has ``image_size = None``.
    """
    size = cfg.get('image_size')
    for place in _sizes(cfg) if size else ():
        value = place.value
        if any(side != size for side in (value if isinstance(value, (tuple, list)) else [value])):
            raise ValueError(
                f'image_size is {size}, but {place.path} is {value}: use --image-size, which '
                'changes all places, or set image_size=None in the config to keep them apart'
            )


def check_masks(cfg: Config) -> None:
    """Refuse mask patches that do not cut image and tokens evenly, or differ from split to split.

    Raises:
        ValueError: With the place.
    """
    masks, size, patch = list(_masks(cfg)), cfg.get('image_size'), _patch(cfg)
    for place in masks:
        mask = place.value
        if mask != masks[0].value:
            raise ValueError(
                f'{masks[0].path} is {masks[0].value}, but {place.path} is {mask}: use --mask-size'
            )
        if not isinstance(mask, int) or mask < 1 or mask % patch or (size and size % mask):
            fits = [n for n in range(patch, (size or 0) + 1, patch) if size % n == 0]
            hint = f': --mask-size may be {", ".join(map(str, fits))}' if fits else ''
            raise ValueError(
                f'{place.path} is {mask}: a mask patch is a multiple of the patch of the model '
                f'({patch}) and divides image_size ({size}){hint}'
            )


def _sizes(cfg: Config) -> Iterator[Place]:
    roots = ('data_preprocessor', 'dataloader', 'pipeline')
    parts = {key: cfg[key] for key in cfg if key == 'model' or key.endswith(roots)}
    return (place for place in places(parts, _SIZES) if _is_size(place.value))


def _is_size(value: Any) -> bool:
    sides = value if isinstance(value, (tuple, list)) else [value]
    return bool(sides) and all(isinstance(side, int) and side >= _PIXELS for side in sides)


def _masks(cfg: Config) -> Iterator[Place]:
    return places({key: cfg[key] for key in cfg if key.endswith('dataloader')}, _MASKS)


def _patch(cfg: Config) -> int:
    patch = backbone_of(cfg).get('patch_size', 16)
    return max(patch) if isinstance(patch, (tuple, list)) else patch
