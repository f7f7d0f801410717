"""Which names mean masks, images or splits, and how masks are named by their images."""

import re
from collections import Counter
from collections.abc import Collection

_MASK = re.compile(
    r'mask|label|annot|truth|segmentation|(?<![a-z])(seg|gt|ann)s?(?![a-z])', re.IGNORECASE
)
_IMAGES = re.compile(r'im(a)?ge?s?')
_FILLING = re.compile(r'[_\-. ]|dir$|folder$')
SPLIT_NAMES = {'training': 'train', 'valid': 'val', 'validation': 'val', 'testing': 'test'}
SPLIT_NAMES |= {'tr': 'train', 'ts': 'test', 'train': 'train', 'val': 'val', 'test': 'test'}
# Enough to see a pattern; every name is looked at once it is known.
_LOOKED_AT = 10


def means_mask(name: str) -> bool:
    """Does a name of a file or folder say that masks are there?

    Example:
        >>> [means_mask(name) for name in ('labelsTr', '12_seg', 'ann_dir', 'segment', 'right')]
        [True, True, True, False, False]
    """
    return bool(_MASK.search(name))


def is_image_folder(name: str) -> bool:
    """Is it no more than a word for images?

    Example:
        >>> [is_image_folder(name) for name in ('Images', 'img_dir', 'thyroid')]
        [True, True, False]
    """
    return bool(_IMAGES.fullmatch(_FILLING.sub('', name.lower())))


def split_of(name: str) -> str | None:
    """Split that a folder is named by, also with a word for images.

    Example:
        >>> [split_of(name) for name in ('imagesTr', 'train_images', 'Test', 'thyroid')]
        ['train', 'train', 'test', None]
    """
    plain = _FILLING.sub('', name.lower())
    return SPLIT_NAMES.get(plain) or SPLIT_NAMES.get(_IMAGES.sub('', plain))


def mask_affix(images: Collection[str], masks: Collection[str]) -> tuple[str, str] | None:
    """What masks have before and after their image's name.

    Args:
        images: Stems of images.
        masks: Stems of masks.

    Returns:
        The beginning and the ending that fit most masks, or None where none fits half of them.

    Example:
        >>> mask_affix({'7', '8'}, {'mask_7', 'mask_8'})
        ('mask_', '')
    """
    known = set(images)
    found: Counter[tuple[str, str]] = Counter()
    for mask in sorted(masks)[:_LOOKED_AT]:
        for start in range(len(mask)):
            for end in range(start + 1, len(mask) + 1):
                if mask[start:end] in known:
                    found[mask[:start], mask[end:]] = 0
    for affix in found:
        found[affix] = sum(image_stem(mask, affix) in known for mask in masks)
    if not found:
        return None
    best = max(found, key=lambda affix: (found[affix], -len(affix[0] + affix[1])))
    return best if 2 * found[best] >= len(masks) else None


def image_stem(mask: str, affix: tuple[str, str]) -> str | None:
    """Stem of a mask's image; several masks of one image may be numbered after the ending.

    Example:
        >>> image_stem('benign (3)_mask_1', ('', '_mask'))
        'benign (3)'
    """
    start, end = map(re.escape, affix)
    number = r'(?:_\d+)?' if end else ''
    matched = re.fullmatch(f'{start}(.+?){end}{number}', mask, re.DOTALL)
    return matched[1] if matched else None
