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
) -> None:
    """Write ``TASK_SPLIT.txt`` and, of the training set, ``TASK_train_PERCENT.txt``.

    Args:
        folder: Existing folder of the lists.
        converter: For its tasks.
        items: One per image or pair.
        splits: Of each item.
        groups: Patient of each item.
        strata: Class of each item.
        seed: Of the subsets of the training set.
    """
    lines = {}
    if converter.seg_classes:
        lines['seg'] = [item.name for item in items]
    if converter.cls_classes:
        numbers = {label: i for i, label in enumerate(converter.cls_classes)}
        lines['cls'] = [f'{item.name}.png {numbers[str(item.label)]}' for item in items]
    if converter.enhance:
        lines['enhance'] = [f'{item.name}.png {item.organ}' for item in items]
    held = {name: [i for i, split in enumerate(splits) if split == name] for name in SPLITS}
    train = held['train']
    subsets = nested_subsets([groups[i] for i in train], [strata[i] for i in train], seed)
    for percent, chosen in subsets.items():
        held[f'train_{percent}'] = [i for i, take in zip(train, chosen, strict=True) if take]
    for task, own in lines.items():
        for name, rows in held.items():
            text = '\n'.join(own[i] for i in rows) + '\n'
            # The hosts read UTF-8, whatever the encoding of the system is.
            (folder / f'{task}_{name}.txt').write_text(text, encoding='utf-8')


def write_index(
    path: Path, converter: Converter, items: Sequence[Item], splits: Sequence[str], source: Path
) -> None:
    """Write the index; both images of a pair are to pre-train on."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(_COLUMNS)
    for item, split in zip(items, splits, strict=True):
        files = {'images': item.image}
        if item.high is not None:
            files = {LOW: item.image, HIGH: item.high}
        mask = f'masks/{item.name}.png' if converter.seg_classes else ''
        known = (item.organ, item.patient or item.name, split, mask, item.label or '')
        for folder, file in files.items():
            origin = file.relative_to(source).as_posix()
            writer.writerow((f'{folder}/{item.name}.png', *known, origin))
    # A source's name may be in another encoding, of which Python keeps bytes that UTF-8 has not.
    path.write_text(text.getvalue(), encoding='utf-8', errors='backslashreplace')
