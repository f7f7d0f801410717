"""Writing a data set in the layout that the downstream configs read."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

import usfm_mm
from usfm_mm.converters.items import HIGH, LOW, ConversionError, Converter, Item
from usfm_mm.converters.lists import write_index, write_lists
from usfm_mm.converters.replacing import check_replaceable, replacing
from usfm_mm.converters.splitting import join_copies, make_split
from usfm_mm.converters.strata import make_strata, value_ranges
from usfm_mm.converters.summary import contact_sheet, report_counts
from usfm_mm.converters.writing import Written, write_item
from usfm_mm.io.image import bits_of_set
from usfm_mm.io.index_checks import SPLITS
from usfm_mm.io.json_file import write_json
from usfm_mm.io.spacing import write_spacing


def convert(converter: Converter, source: Path, out: Path, seed: int, console: Console) -> None:
    """Write ``images/``, ``masks/``, ``splits/``, ``index.csv``, ``dataset.json``, a contact sheet.

    Pairs are written to ``low_quality/`` and ``high_quality/``; the sizes of pixels that are known
    to ``spacing.csv``.

    All is made in a hidden folder beside ``out``, which takes the place of ``out`` at the end.

    Args:
        converter: What to read.
        source: Folder of the data set.
        out: Folder to make; replaced where an earlier call made all of it.
        seed: Of the split and its subsets.
        console: For the progress and the counts.

    Raises:
        ConversionError: An image is damaged or stands alone, its name cannot be kept, two have one
            name, no mask has any structure, the training set holds one class only, or a pair
            differs in size.
        FileExistsError: ``out`` has other content.
    """
    check_replaceable(converter, out)
    items = list(converter.walk(source))
    if any(out in item.image.parents for item in items):
        raise FileExistsError(f'{out} holds the images that are to be converted: name a new folder')
    if not items:
        raise ConversionError(f'{source} has no images')
    _check_names(items)
    with replacing(out) as partial:
        _write_all(converter, items, source, partial, seed, console)
    clips = sum(item.clip for item in items)
    what = 'pairs' if converter.enhance else 'images'
    and_clips = f' and {clips} clips' * bool(clips)
    console.print(f'{len(items) - clips} {what}{and_clips} in {out}', markup=False)


def _check_names(items: Iterable[Item]) -> None:
    """Refuse what would be written to one file, or to one without a name."""
    images: dict[str, Path] = {}
    for item in items:
        if not item.name:
            raise ConversionError(f'{item.image} has no letter or digit in its name: rename it')
        if item.name in images:
            raise ConversionError(
                f'{images[item.name]} and {item.image} would both be called {item.name}.png, of '
                'letters, digits, _ and - alone: rename or remove one'
            )
        images[item.name] = item.image


def _write_all(
    converter: Converter, items: list[Item], source: Path, folder: Path, seed: int, console: Console
) -> None:
    for name in (LOW, HIGH) if converter.enhance else ('images', 'masks'):
        if name != 'masks' or converter.seg_classes:
            (folder / name).mkdir(parents=True)
    (folder / 'splits').mkdir()
    deep, bits = bits_of_set(
        dict.fromkeys(
            path for item in items if not item.clip for path in (item.image, item.high) if path
        )
    )
    if bits is not None:
        console.print(
            f'{deep} images have 16 bits per sample, of which {bits} are used: 0 to {2**bits - 1} '
            'becomes 0 to 255 in all of them',
            markup=False,
        )
    progress = track(items, 'converting', console=console)
    written = [write_item(item, folder, bits) for item in progress]
    empty = [not row.has_foreground for row in written]
    if converter.seg_classes and all(empty):
        raise ConversionError(f'{source}: all masks are empty')
    patients = [item.patient for item in items]
    groups = join_copies(
        [item.patient or f'image {item.name}' for item in items], [row.content for row in written]
    )
    if converter.enhance:  # nor may a high quality that several images share lie in two splits
        groups = join_copies(groups, [row.annotation for row in written])
    strata = make_strata(converter, written)
    splits, how = make_split(groups, strata, [item.split for item in items], seed, patients)
    _check_classes(converter, items, splits, console)
    copies = _count_copies(written, splits, groups)
    frames = [row.frames for row in written]
    write_lists(folder / 'splits', converter, items, splits, groups, strata, seed, frames)
    # Synthetic images are none to pre-train on: their patients stand where no index is looked for.
    table = 'patients.csv' if any(item.degrade for item in items) else 'index.csv'
    write_index(folder / table, converter, items, splits, source, frames)
    write_spacing(folder, {item.name: item.spacing for item in items if item.spacing})
    counts = Counter(splits)
    train = np.array(splits) == 'train'
    mean, square = np.mean(np.array([row.moments for row in written])[train], axis=0)
    about = dict(
        name=converter.name,
        page=converter.page,
        licence=converter.licence,
        seg_classes=converter.seg_classes,
        cls_classes=converter.cls_classes,
        label_names=converter.label_names,
        value_names=value_ranges(converter, items, train),
        clips=sum(map(bool, frames)),
        images={split: counts[split] for split in SPLITS},
        mean=[float(mean)],
        std=[float(np.sqrt(max(0.0, square - mean**2)))],
        bits=bits,
        empty_masks=sum(empty) if converter.seg_classes else None,
        copies=copies,
        split=how,
        seed=seed,
        usfm_mm=usfm_mm.__version__,
    )
    write_json(folder / 'dataset.json', about)
    contact_sheet(folder, converter, items, splits)
    report_counts(converter, items, splits, empty, copies, how, console)


def _check_classes(
    converter: Converter, items: list[Item], splits: list[str], console: Console
) -> None:
    for split in SPLITS:
        held = {item.label for item, own in zip(items, splits, strict=True) if own == split}
        missing = [name for name in converter.cls_classes if name not in held]
        if missing and split == 'train':
            raise ConversionError(f'the training set has no image of {", ".join(missing)}')
        if missing:
            console.print(f'warning: {split} has no image of {", ".join(missing)}', markup=False)


def _count_copies(written: list[Written], splits: list[str], groups: list[int]) -> dict[str, int]:
    """Images with an exact copy, those of them annotated otherwise, those in two splits at once.

    The last counts images with a copy or another image of their patient in another split, which
    only a released split can have.
    """
    counts = dict(images=0, annotated_differently=0, across_splits=0)
    for rows in _alike([row.content for row in written]):
        if len(rows) > 1:
            counts['images'] += len(rows)
            if len({written[i].annotation for i in rows}) > 1:
                counts['annotated_differently'] += len(rows)
    for rows in _alike(groups):
        if len({splits[i] for i in rows}) > 1:
            counts['across_splits'] += len(rows)
    return counts


def _alike(values: Sequence[Hashable]) -> Iterable[list[int]]:
    rows: dict[Hashable, list[int]] = {}
    for i, value in enumerate(values):
        rows.setdefault(value, []).append(i)
    return rows.values()
