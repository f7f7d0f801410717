"""The lists of a prepared data set that the configs read, and its index for pre-training."""

import csv
import io
from collections.abc import Hashable, Sequence
from pathlib import Path

from usfm_mm.converters.items import HIGH, LOW, Converter, Item
from usfm_mm.converters.splitting import nested_subsets
from usfm_mm.io.index_checks import SPLITS

# An index for pre-training ignores columns that begin with an underscore.
_COLUMNS = ('path', 'organ', 'patient', 'split', '_mask', '_label', '_source')


def write_lists(
    folder: Path,
    converter: Converter,
    items: Sequence[Item],
    splits: Sequence[str],
    groups: Sequence[Hashable],
    strata: Sequence[Hashable],
    seed: int,
    frames: Sequence[int],
) -> None:
    """Write ``TASK_SPLIT.txt`` and, of the training set, ``TASK_train_PERCENT.txt``.

    Of images and clips with a table, ``table_SPLIT.csv`` and so on are written.

    Args:
        folder: Existing folder of the lists.
        converter: For its tasks.
        items: One per image or pair.
        splits: Of each item.
        groups: Patient of each item.
        strata: Class of each item.
        seed: Of the subsets of the training set.
        frames: Of each item; 0 of an image.
    """
    lines = {}
    if converter.seg_classes:
        lines['seg'] = [item.name for item in items]
    if converter.cls_classes and not converter.has_table:
        numbers = {label: i for i, label in enumerate(converter.cls_classes)}
        lines['cls'] = [f'{item.name}.png {numbers[str(item.label)]}' for item in items]
    if converter.enhance:
        lines['enhance'] = [f'{item.name}.png {item.organ}' for item in items]
    held = {name: [i for i, split in enumerate(splits) if split == name] for name in SPLITS}
    train = held['train']
    subsets = nested_subsets([groups[i] for i in train], [strata[i] for i in train], seed)
    for percent, chosen in subsets.items():
        held[f'train_{percent}'] = [i for i, take in zip(train, chosen, strict=True) if take]
    if converter.has_table:
        for name, rows in held.items():
            text = _table(converter, items, frames, rows)
            (folder / f'table_{name}.csv').write_text(text, encoding='utf-8')
    for task, own in lines.items():
        for name, rows in held.items():
            text = '\n'.join(own[i] for i in rows) + '\n'
            # The hosts read UTF-8, whatever the encoding of the system is.
            (folder / f'{task}_{name}.txt').write_text(text, encoding='utf-8')


def _table(
    converter: Converter, items: Sequence[Item], frames: Sequence[int], rows: Sequence[int]
) -> str:
    """CSV for ``usfm_mm.TableDataset`` of some items; ``frames`` are 0 of an image."""
    with_label = bool(converter.cls_classes)
    num_labels = len(converter.label_names)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    columns = ('file', 'frames', 'patient', *(('label',) if with_label else ()))
    writer.writerow((*columns, *converter.label_names, *converter.value_names))
    for i in rows:
        item = items[i]
        file = item.name if frames[i] else f'{item.name}.png'
        known = (file, frames[i], item.patient or '', *((item.label,) if with_label else ()))
        writer.writerow((*known, *map(int, item.told[:num_labels]), *item.told[num_labels:]))
    return text.getvalue()


def write_index(
    path: Path,
    converter: Converter,
    items: Sequence[Item],
    splits: Sequence[str],
    source: Path,
    frames: Sequence[int],
) -> None:
    """Write the index; both images of a pair, and all frames of a clip, are to pre-train on."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(_COLUMNS)
    for item, split, count in zip(items, splits, frames, strict=True):
        files = {f'images/{item.name}.png': item.image}
        if item.high is not None:
            files = {f'{LOW}/{item.name}.png': item.image, f'{HIGH}/{item.name}.png': item.high}
        if count:
            files = {f'images/{item.name}/{n:05d}.png': item.image for n in range(count)}
        mask = f'masks/{item.name}.png' if converter.seg_classes else ''
        known = (item.organ, item.patient or item.name, split, mask, item.label or '')
        for written, file in files.items():
            writer.writerow((written, *known, file.relative_to(source).as_posix()))
    # A source's name may be in another encoding, of which Python keeps bytes that UTF-8 has not.
    path.write_text(text.getvalue(), encoding='utf-8', errors='backslashreplace')
