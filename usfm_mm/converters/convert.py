"""Writing a release in the layout that the downstream configs read."""

import csv
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

import usfm_mm
from usfm_mm.converters.items import Item, Release, ReleaseError
from usfm_mm.converters.pairs import HIGH, LOW
from usfm_mm.converters.splitting import join_copies, make_split, nested_subsets
from usfm_mm.converters.summary import contact_sheet, report_counts
from usfm_mm.io.image import BadImageError, encode_png, read_grey
from usfm_mm.io.index_checks import SPLITS

# An index for pre-training ignores columns that begin with an underscore.
_COLUMNS = ('path', 'organ', 'patient', 'split', '_mask', '_label', '_source')


@dataclass(frozen=True)
class _Written:
    """What became of an item.

    Attributes:
        item: What was read.
        content: Of the image as written; copies have the same, whatever their file's format.
        annotation: Of its mask and label, likewise.
        has_foreground: Is a structure of the masks in it?
    """

    item: Item
    content: str
    annotation: str
    has_foreground: bool


def convert(release: Release, source: Path, out: Path, seed: int, console: Console) -> None:
    """Write ``images/``, ``masks/``, ``splits/``, ``index.csv``, ``dataset.json``, a contact sheet.

    Pairs are written to ``low_quality/`` and ``high_quality/``.

    All is made in a hidden folder beside ``out``, which takes the place of ``out`` at the end.

    Args:
        release: What to read.
        source: Folder of the release.
        out: Folder to make; replaced where an earlier call made it.
        seed: Of the split and its subsets.
        console: For the progress and the counts.

    Raises:
        ReleaseError: An image is damaged or stands alone, its name cannot be kept, two have one
            name, no mask has any structure, the training set holds one class only, or a pair
            differs in size.
        FileExistsError: ``out`` has other content.
    """
    _check_replaceable(release.name, out)
    items = list(release.walk(source))
    if any(out in item.image.parents for item in items):
        raise FileExistsError(f'{out} holds the images that are to be converted: name a new folder')
    if not items:
        raise ReleaseError(f'{source} has no images')
    _check_names(items)
    partial = out.with_name(f'.{out.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _write_all(release, items, source, partial, seed, console)
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    what = 'pairs' if release.enhance else 'images'
    console.print(f'{len(items)} {what} in {out}', markup=False)


def _check_names(items: Iterable[Item]) -> None:
    """Refuse what would be written to one file, or to one without a name."""
    images: dict[str, Path] = {}
    for item in items:
        if not item.name:
            raise ReleaseError(f'{item.image} has no letter or digit in its name: rename it')
        if item.name in images:
            raise ReleaseError(
                f'{images[item.name]} and {item.image} would both be called {item.name}.png, of '
                'letters, digits, _ and - alone: rename or remove one'
            )
        images[item.name] = item.image


def _check_replaceable(name: str, out: Path) -> None:
    """Refuse to replace what no earlier call made of the same release."""
    if not out.exists() or not any(out.iterdir()):
        return
    try:
        made_of = json.loads((out / 'dataset.json').read_text(encoding='utf-8'))['name']
    except (OSError, ValueError, KeyError):
        made_of = None
    if made_of != name:
        raise FileExistsError(
            f'{out} holds {made_of or "something else"}: name a new folder, or remove this one'
        )


def _write_all(
    release: Release, items: list[Item], source: Path, folder: Path, seed: int, console: Console
) -> None:
    folders = (LOW, HIGH) if release.enhance else ('images',)
    for name in (*folders, 'splits'):
        (folder / name).mkdir(parents=True)
    if release.seg_classes:
        (folder / 'masks').mkdir()
    written = [_write(item, folder) for item in track(items, 'converting', console=console)]
    if release.seg_classes and not any(row.has_foreground for row in written):
        raise ReleaseError(f'{source}: all masks are empty')
    patients = [item.patient or f'image {item.name}' for item in items]
    groups = join_copies(patients, [row.content for row in written])
    if release.enhance:  # nor may a high quality that several images share lie in two splits
        groups = join_copies(groups, [row.annotation for row in written])
    strata = [
        row.item.organ if release.enhance else row.item.label or str(row.has_foreground)
        for row in written
    ]
    splits, how = make_split(
        groups,
        strata,
        [item.split for item in items],
        seed,
        [item.patient for item in items],
    )
    _check_classes(release, items, splits, console)
    copies = _count_copies(written, splits, groups)
    for task in ('seg', 'cls'):
        if getattr(release, f'{task}_classes'):
            _write_lists(folder / 'splits', task, release, items, splits, groups, strata, seed)
    if release.enhance:
        _write_lists(folder / 'splits', 'enhance', release, items, splits, groups, strata, seed)
    if not any(item.degrade for item in items):  # synthetic images are none to pre-train on
        _write_index(folder / 'index.csv', items, splits, source, bool(release.seg_classes))
    counts = Counter(splits)
    about = dict(
        name=release.name,
        page=release.page,
        licence=release.licence,
        seg_classes=release.seg_classes,
        cls_classes=release.cls_classes,
        images={split: counts[split] for split in SPLITS},
        empty_masks=sum(not row.has_foreground for row in written) if release.seg_classes else None,
        copies=copies,
        split=how,
        seed=seed,
        usfm_mm=usfm_mm.__version__,
    )
    (folder / 'dataset.json').write_text(json.dumps(about, indent=2) + '\n', encoding='utf-8')
    contact_sheet(folder, release, items, splits)
    empty = [not row.has_foreground for row in written]
    report_counts(release, items, splits, empty, copies, how, console)


def _write(item: Item, folder: Path) -> _Written:
    try:
        image = read_grey(item.image)
    except BadImageError as error:
        raise ReleaseError(
            f'{item.image}: {error}. Download it again, or remove it with its mask or counterpart'
        ) from error
    data = encode_png(image)
    content, label = hashlib.sha256(data).hexdigest(), str(item.label)
    if item.high is not None:
        return _Written(item, content, _write_pair(item, image, folder), False)
    (folder / 'images' / f'{item.name}.png').write_bytes(data)
    if item.masks is None:
        return _Written(item, content, label, False)
    height, width = image.shape
    mask = np.zeros((height, width), np.uint8)
    for read in item.masks:
        part = read((height, width))
        mask = np.where(part > 0, part, mask)
    data = encode_png(mask)
    (folder / 'masks' / f'{item.name}.png').write_bytes(data)
    return _Written(item, content, hashlib.sha256(data).hexdigest() + label, bool(mask.any()))


def _count_copies(written: list[_Written], splits: list[str], groups: list[int]) -> dict[str, int]:
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


def _write_pair(item: Item, low: np.ndarray, folder: Path) -> str:
    """Write both images; returns the content of the one of high quality."""
    assert item.high is not None
    try:
        high = read_grey(item.high)
    except BadImageError as error:
        raise ReleaseError(
            f'{item.high}: {error}. Download it again, or remove it with its counterpart'
        ) from error
    if low.shape != high.shape:
        raise ReleaseError(
            f'{item.image} has {low.shape[1]}×{low.shape[0]} pixels, {item.high} '
            f'{high.shape[1]}×{high.shape[0]}: the images of a pair have one size; resize or crop '
            'them so that they show the same, or remove both'
        )
    if item.degrade is not None:
        low = item.degrade(low)
    data = encode_png(high)
    (folder / LOW / f'{item.name}.png').write_bytes(encode_png(low))
    (folder / HIGH / f'{item.name}.png').write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _check_classes(
    release: Release, items: list[Item], splits: list[str], console: Console
) -> None:
    for split in SPLITS:
        held = {item.label for item, own in zip(items, splits, strict=True) if own == split}
        missing = [name for name in release.cls_classes if name not in held]
        if missing and split == 'train':
            raise ReleaseError(f'the training set has no image of {", ".join(missing)}')
        if missing:
            console.print(f'warning: {split} has no image of {", ".join(missing)}', markup=False)


def _write_lists(
    folder: Path,
    task: str,
    release: Release,
    items: list[Item],
    splits: list[str],
    groups: list[int],
    strata: list[str],
    seed: int,
) -> None:
    def line(item: Item) -> str:
        if task == 'seg':
            return item.name
        if task == 'enhance':
            return f'{item.name}.png {item.organ}'
        return f'{item.name}.png {release.cls_classes.index(str(item.label))}'

    for split in SPLITS:
        lines = [line(i) for i, own in zip(items, splits, strict=True) if own == split]
        _write_list(folder / f'{task}_{split}.txt', lines)
    train = [i for i, split in enumerate(splits) if split == 'train']
    subsets = nested_subsets([groups[i] for i in train], [strata[i] for i in train], seed)
    for percent, chosen in subsets.items():
        lines = [line(items[i]) for i, take in zip(train, chosen, strict=True) if take]
        _write_list(folder / f'{task}_train_{percent}.txt', lines)


def _write_list(path: Path, lines: Sequence[str]) -> None:
    # The hosts read UTF-8, whatever the encoding of the system is.
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def _write_index(
    path: Path, items: list[Item], splits: list[str], source: Path, masks: bool
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(_COLUMNS)
    for item, split in zip(items, splits, strict=True):
        files = {'images': item.image}
        if item.high is not None:  # both are images to pre-train on
            files = {LOW: item.image, HIGH: item.high}
        for folder, file in files.items():
            writer.writerow(
                (
                    f'{folder}/{item.name}.png',
                    item.organ,
                    item.patient or item.name,
                    split,
                    f'masks/{item.name}.png' if masks else '',
                    item.label or '',
                    file.relative_to(source).as_posix(),
                )
            )
    # A source's name may be in another encoding, of which Python keeps bytes that UTF-8 has not.
    path.write_text(text.getvalue(), encoding='utf-8', errors='backslashreplace')
