"""The lists of images in a downstream config, read as the hosts read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

_KINDS = ('BaseSegDataset', 'CustomDataset')
_LAYOUT = (
    'docs/adaptation.md shows the layout, "usfm prepare" writes it, --data-root names the folder'
)


@dataclass(frozen=True)
class Row:
    """A line of a list.

    Attributes:
        image: The file.
        mask: In segmentation, the file.
        label: In classification, the number of its class.
    """

    image: Path
    mask: Path | None = None
    label: int | None = None


@dataclass(frozen=True)
class Split:
    """A list of the images to train, validate or test on.

    Attributes:
        name: 'train', 'val' or 'test'.
        list_file: Where it was read.
        rows: Its lines.
        classes: Names from the config.
        values: How many mask values are declared, background included.
    """

    name: str
    list_file: Path
    rows: list[Row]
    classes: Sequence[str]
    values: int


def read_split(cfg: Config, name: str, errors: list[str]) -> Split | None:
    """List of a config's split; None where its data set is of another kind, or the file is missing.

    Lines are read as mmseg's ``BaseSegDataset`` and mmpretrain's ``CustomDataset`` do.

    Args:
        cfg: Config of the run.
        name: 'train', 'val' or 'test'.
        errors: Extended in place by what is wrong with the file or its lines.
    """
    dataset = (cfg.get(f'{name}_dataloader') or {}).get('dataset', {})
    kind = str(dataset.get('type', '')).rpartition('.')[2]
    classes = (dataset.get('metainfo') or {}).get('classes')
    if kind not in _KINDS or not dataset.get('ann_file') or not classes:
        return None
    root = Path(dataset.get('data_root') or '')
    list_file = root / dataset.ann_file
    prefix = dataset.get('data_prefix') or ''
    if isinstance(prefix, str):
        prefix = dict(img_path=prefix)
    images = root / prefix.get('img_path', '')
    try:
        lines = list_file.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = 'no such list' if isinstance(error, FileNotFoundError) else str(error)
        errors.append(f'{list_file}: {reason}; {_LAYOUT}')
        return None
    rows = []
    for number, line in enumerate(lines, 1):
        if kind == 'BaseSegDataset':
            masks = root / prefix.get('seg_map_path', '')
            stem, suffix = line.strip(), dataset.get('img_suffix', '.jpg')
            good, form = bool(stem) and not stem.endswith(suffix), f'a name without {suffix}'
            mask = masks / f'{stem}{dataset.get("seg_map_suffix", ".png")}'
            row = Row(images / f'{stem}{suffix}', mask)
        else:
            path, _, label = line.strip().rpartition(' ')
            good = bool(path) and label.isdigit() and int(label) < len(classes)
            form = f'"NAME.png 0", the number below {len(classes)} ({", ".join(classes)})'
            row = Row(images / path, label=int(label) if good else None)
        if good:
            rows.append(row)
        else:
            errors.append(f'{list_file}, line {number}: {line!r} is not {form}')
    if not lines:
        errors.append(f'{list_file} is empty: list images in it; {_LAYOUT}')
    values = len(classes) + bool(dataset.get('reduce_zero_label'))
    return Split(name, list_file, rows, classes, values)


def compare_lists(
    found: Sequence[Split], splits: Sequence[str], errors: list[str], warnings: list[str]
) -> None:
    """Find images that are in two lists, of which at least one belongs to ``splits``.

    Args:
        found: The lists there are.
        splits: Names of those that the run uses.
        errors: Extended in place, by lists that share images.
        warnings: Extended in place, by files that are the list of two splits.
    """
    for i, one in enumerate(found):
        for other in found[i + 1 :]:
            if not {one.name, other.name} & set(splits):
                continue
            if one.list_file == other.list_file:
                warnings.append(
                    f'{one.list_file} is the list of {one.name} and of {other.name}: the result '
                    'says nothing about new images'
                )
                continue
            both = {row.image for row in one.rows} & {row.image for row in other.rows}
            if both:
                errors.append(
                    f'{one.list_file} and {other.list_file} share {len(both)} images, for '
                    f'instance {min(both)}: leave each in one of them'
                )
