"""What a conversion shows of a data set: a contact sheet and a table of counts."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from usfm_mm.converters.items import HIGH, LOW, Converter, Item
from usfm_mm.io.image import read_grey
from usfm_mm.io.index_checks import SPLITS
from usfm_mm.visualization.figures import save_figure
from usfm_mm.visualization.tiles import Tile, tile_panel

_SHEET = 18


def contact_sheet(folder: Path, converter: Converter, items: list[Item], splits: list[str]) -> None:
    """Draw images from the whole set, masks outlined, into ``folder/contact_sheet.png``."""
    tiles = []
    for i in spread_over_classes([item.label for item in items], _SHEET):
        item = items[i]
        if item.high is not None:
            tiles += [
                Tile(read_grey(folder / side / f'{item.name}.png'), f'{item.name}\n{side}')
                for side in (LOW, HIGH)
            ]
            continue
        mask = folder / 'masks' / f'{item.name}.png'
        tiles.append(
            Tile(
                image=read_grey(_picture(folder / 'images' / item.name)),
                caption=f'{item.name}\n{splits[i]} {item.label or ""}',
                truth=read_grey(mask) if mask.is_file() else None,
            )
        )
    save_figure(
        tile_panel({'': tiles}, converter.seg_classes, converter.name), folder / 'contact_sheet.png'
    )


def spread_over_classes(labels: Sequence[str | None], count: int) -> list[int]:
    """Positions spread evenly over the images of each class, rare classes as many as frequent.

    Args:
        labels: Of each image.
        count: To be shared by the classes; each has one at least.

    Example:
        >>> spread_over_classes(['usual'] * 6 + ['rare'], 4)
        [0, 5, 6]
    """
    of_class: dict[str | None, list[int]] = {}
    for i, label in enumerate(labels):
        of_class.setdefault(label, []).append(i)
    share = max(1, count // len(of_class))
    chosen: set[int] = set()
    for own in of_class.values():
        chosen.update(own[n] for n in np.linspace(0, len(own) - 1, share).round().astype(int))
    return sorted(chosen)


def _picture(path: Path) -> Path:
    """The image that was written, or the frame in the middle of a clip."""
    frames = sorted(path.glob('*.png'))
    return frames[len(frames) // 2] if frames else path.with_name(f'{path.name}.png')


def report_counts(
    converter: Converter,
    items: list[Item],
    splits: list[str],
    empty_masks: Sequence[bool],
    copies: dict[str, int],
    how: str,
    console: Console,
) -> None:
    """Print images per class and split, how the split came about, and what is to be known."""
    table = Table('', *SPLITS, title=converter.name)
    kinds = [item.organ if converter.enhance else item.label or 'images' for item in items]
    rows = Counter(zip(kinds, splits, strict=True))
    for label in converter.cls_classes or sorted(set(kinds)):
        table.add_row(label, *(str(rows[label, split]) for split in SPLITS))
    if converter.seg_classes:
        empty = Counter(
            split for is_empty, split in zip(empty_masks, splits, strict=True) if is_empty
        )
        table.add_row('empty masks', *(str(empty[split]) for split in SPLITS))
    console.print(table)
    for note in (f'Understood: {converter.task}.', f'Split: {how}.', *converter.notes):
        console.print(note, markup=False, soft_wrap=True)  # paths stay whole
    if copies['images']:
        console.print(
            f'{copies["images"]} images have an exact copy, '
            f'{copies["annotated_differently"]} of them with another mask or class.',
            markup=False,
        )
    if copies['across_splits']:
        console.print(
            f'warning: {copies["across_splits"]} images have a copy, or another image of their '
            'patient, in another split as released: results will be better than they should',
            markup=False,
        )
