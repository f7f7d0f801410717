"""Every config: what it is for, its main settings, and its text."""

from pathlib import Path
from typing import Any

from usfm_mm.config.files import config_root, named_configs
from usfm_mm.config.options import load_plain

GROUPS = {
    'usfm/pretrain': 'Pre-training',
    'ablations': 'Ablations of the pre-training',
    'usfm/seg': 'Segmentation with USFM',
    'usfm/cls': 'Classification with USFM',
    'usfm/table': 'Labels in a table, and clips, with USFM',
    'usfm/enhance': 'Enhancement with USFM',
    'baselines/seg': 'Segmentation, other methods',
    'baselines/cls': 'Classification, other methods',
    'baselines/enhance': 'Enhancement, other methods',
    'baselines/table': 'Images and clips with a table, other methods',
}


def configs_page() -> str:
    """A table and the texts of each group, and the texts that configs are based on.

    Raises:
        ValueError: A config belongs to no group.
    """
    told = named_configs()
    lost = [name for name in told if not name.startswith(tuple(GROUPS))]
    if lost:
        raise ValueError(f'docs/extension/configs.py: no group for {", ".join(lost)}')
    parts = []
    for start, title in GROUPS.items():
        names = [name for name in told if name.startswith(start)]
        rows = ['| config | px | epochs | images | rate |', '|---|---|---|---|---|']
        rows += [_row(name) for name in names]
        parts += [f'## {title}', '\n'.join(rows)]
        parts += [_text(name) for name in names]
    parts.append('## What configs are based on')
    parts += [_text(f'_base_/{path.stem}') for path in sorted(config_root().glob('_base_/*.py'))]
    return '\n\n'.join(parts)


def _row(name: str) -> str:
    cfg = load_plain(name)
    train = cfg.train_cfg
    length = train.get('max_epochs') or f'{train.get("max_iters")} iterations'
    rate = _rates(cfg.optim_wrapper)
    batch = cfg.train_dataloader.batch_size
    size = cfg.get('image_size', '')
    return f'| `{name}` | {size} | {length} | {batch} | {rate} |'


def _rates(wrapper: Any) -> str:
    parts = wrapper if 'optimizer' in wrapper else next(iter(wrapper.values()), None)
    if isinstance(parts, str) or parts is None:  # a GAN's: constructor first
        parts = next(value for value in wrapper.values() if isinstance(value, dict))
    return f'{parts["optimizer"]["lr"]:g}'


def _text(name: str) -> str:
    path = Path(config_root(), f'{name}.py')
    return f'### {name}\n\n```python\n{path.read_text(encoding="utf-8").strip()}\n```'
