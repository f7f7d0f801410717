"""Pairs of low and high quality: USEnhance2023, PICMUS, and one's own folders."""

import re
from collections.abc import Iterator
from pathlib import Path

from usfm_mm.converters.items import (
    HIGH,
    LOW,
    ConversionError,
    Converter,
    Item,
    find_folder,
    folder_with,
    has_folders,
    image_files,
    named,
    nfc,
    safe_name,
)

_PICMUS_SPLIT = {'scene1': 'val', 'scene2': 'train', 'scene3': 'train', 'scene4': 'test'}

is_pair_folder = has_folders(LOW, HIGH)


def has_organ_folders(folder: Path) -> bool:
    """Does the folder hold one folder or more with ``low_quality/`` and ``high_quality/``?"""
    return any(is_pair_folder(child) for child in folder.iterdir() if child.is_dir())


def quality_folders(folder: Path) -> list[Path]:
    """The folders of low and high quality in a folder, or in its folders of organs."""
    pairs = [folder] if is_pair_folder(folder) else filter(is_pair_folder, folder.iterdir())
    return [path / side for path in pairs for side in (LOW, HIGH)]


def quality_pairs(root: Path) -> Iterator[tuple[Path, Path]]:
    """Images of ``low_quality/`` with those of the same name, suffix aside, of ``high_quality/``.

    Raises:
        ConversionError: An image has no counterpart, or two of a folder have one name.
    """
    lows, highs = _by_name(root / LOW), _by_name(root / HIGH)
    for own, other, folder in ((lows, highs, HIGH), (highs, lows, LOW)):
        for name in own:
            if name not in other:
                raise ConversionError(
                    f'{own[name]} has no counterpart of the same name in {root / folder}: add it, '
                    'or remove the image'
                )
    for name, low in lows.items():
        yield low, highs[name]


def _by_name(folder: Path) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for path in image_files(folder):
        name = nfc(path.stem)
        if name in paths:
            raise ConversionError(f'{path} and {paths[name]} have one name: remove one')
        paths[name] = path
    return paths


def walk_usenhance(source: Path) -> Iterator[Item]:
    """Pairs of the organs' folders, as ``train_datasets/thyroid/low_quality/0001.png``.

    Raises:
        ConversionError: The layout is another one, or an image has no counterpart.
    """
    root = find_folder(
        source, has_organ_folders, f'folders of organs, each with {LOW} and {HIGH} in it'
    )
    return organ_pairs(root)


def organ_pairs(root: Path) -> Iterator[Item]:
    """Pairs of every folder of ``root`` that has both qualities; its name is the organ.

    Raises:
        ConversionError: An image has no counterpart.
    """
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if is_pair_folder(folder):
            yield from folder_pairs(folder, nfc(folder.name.lower()))


def folder_pairs(folder: Path, organ: str = '') -> Iterator[Item]:
    """Pairs of ``low_quality/`` and ``high_quality/``; their names begin with the organ.

    Raises:
        ConversionError: An image has no counterpart.
    """
    for low, high in quality_pairs(folder):
        yield Item(image=low, high=high, name=safe_name(f'{organ}_{low.name}'), organ=organ)


def walk_picmus(source: Path) -> Iterator[Item]:
    """Pairs named ``scene2_pw01``: one of four scenes, from one or more plane waves.

    Raises:
        ConversionError: The layout or a name is another one, or an image has no counterpart.
    """
    root = folder_with(source, LOW, HIGH)
    for low, high in quality_pairs(root):
        scene = re.sub(r'_pw\d+$', '', low.stem)
        split = named(scene, _PICMUS_SPLIT, low, 'scene')
        yield Item(
            image=low,
            high=high,
            name=safe_name(low.name),
            organ='phantom',
            patient=scene,
            split=split,
        )


USENHANCE = Converter(
    name='usenhance',
    page='https://ultrasoundenhance2023.grand-challenge.org',
    licence='not verified',
    walk=walk_usenhance,
    enhance=True,
    notes=(
        'Patients are not told: images of one patient may lie in two splits.',
        "The challenge's test images have no high-quality counterpart and are not used.",
    ),
)

PICMUS = Converter(
    name='picmus',
    page='https://www.creatis.insa-lyon.fr/Challenge/IEEE_IUS_2016/',
    licence='not verified',
    walk=walk_picmus,
    enhance=True,
    notes=('Split by scene: train 2 (simulated) and 3 (phantom), val 1, test 4.',),
)
