"""The card of a run's model: :class:`~usfm_mm.io.card.Card`."""

import inspect
import json
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import usfm_mm
from usfm_mm.config.places import backbone_of, places
from usfm_mm.io.about import about_data
from usfm_mm.io.card import Card

# What a model is built from.
_PARTS = ('default_scope', 'image_size', 'model', 'data_preprocessor')
# By the end of the model's type.
_TASKS = {
    'USFMPretrainer': 'pretrain',
    'SimMIM': 'pretrain',
    'MAE': 'pretrain',
    'EncoderDecoder': 'segment',
    'Classifier': 'classify',
    'CycleGAN': 'enhance',
}
_PACKAGES = ('torch', 'mmengine', 'mmcv', 'mmpretrain', 'mmsegmentation', 'mmagic')


def card_of_run(cfg: Any, dataset: Any) -> Card | None:
    """Card of the model that a config trains on a data set; None for a kind that has no card.

    Args:
        cfg: Of the run.
        dataset: Of training, as it was built; None where there is none.
    """
    model = cfg.get('model')
    kind = _name((model if isinstance(model, Mapping) else {}).get('type'))
    task = next((task for end, task in _TASKS.items() if kind.endswith(end)), None)
    if task is None:
        return None
    preprocessor = model.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
    mean, std = (_listed(preprocessor.get(name)) for name in ('mean', 'std'))
    backbone = backbone_of(cfg)
    if task == 'enhance' and not mean:  # mmagic's own, to [-1, 1]
        mean = std = [127.5] * (model.get('generator') or {}).get('in_channels', 3)
    encoder = backbone or model.get('generator') or {}
    metainfo = getattr(dataset, 'metainfo', None) or {}
    return Card(
        task=task,
        arch=_plain(backbone.get('arch')) or type_name(encoder.get('type', '')),
        image_size=_size(cfg, backbone, preprocessor),
        channels=len(mean) or backbone.get('in_channels', 3),
        mean=mean,
        std=std,
        classes=list(metainfo.get('classes') or ()),
        palette=[list(map(int, colour)) for colour in metainfo.get('palette') or ()],
        data=_statement(cfg, dataset, metainfo),
        versions=dict(_versions()),
        commit=_commit(),
        config={name: _plain(cfg[name]) for name in _PARTS if cfg.get(name) is not None},
        kind=_kind(model.get('head') or {}),
        clip_frames=_clip_frames(cfg) if kind == 'ClipClassifier' else None,
    )


def _kind(head: Mapping) -> str:
    name = _name(head.get('type', ''))
    if name == 'RegressionHead':
        return 'values'
    return 'labels' if name.startswith('MultiLabel') else 'class'


def _clip_frames(cfg: Any) -> int:
    """Frames of a clip in the test; one where the config has none."""
    found = places({'test': cfg.get('test_dataloader') or {}}, {'num_frames'})
    return next((place.value for place in found), 1)


def _statement(cfg: Any, dataset: Any, metainfo: Mapping) -> dict[str, Any]:
    """Of the data: name, number of images, organs and licence, as far as known."""
    root = cfg.get('data_root')
    about = about_data(root) if root else {}
    found = dict(
        name=about.get('name') or (Path(root).name if root else None),
        images=None if dataset is None else len(dataset),
        organs=list(metainfo.get('organs') or ()),
        licence=about.get('licence'),
    )
    return {key: value for key, value in found.items() if value not in (None, '', [])}


def _size(cfg: Any, *nodes: Mapping) -> tuple[int, int] | None:
    found = cfg.get('image_size')
    for node in nodes:
        found = found or node.get('img_size') or node.get('size')
    if not found:
        return None
    return (found, found) if isinstance(found, int) else (int(found[0]), int(found[1]))


def _listed(values: Any) -> list[float]:
    if values is None:
        return []
    return [float(v) for v in (values if isinstance(values, (list, tuple)) else [values])]


def _plain(value: Any) -> Any:
    """As JSON has it, without what begins the weights: that may be a path of this machine's."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if k not in ('init_cfg', 'pretrained')}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return json.loads(json.dumps(value, default=type_name))


def type_name(value: Any) -> str:
    """Name of a class, as a config of the lazy kind has them, as a registry knows it."""
    if inspect.isclass(value):
        return f'{value.__module__.partition(".")[0]}.{value.__name__}'
    return str(value)


def _name(kind: Any) -> str:
    return type_name(kind).rpartition('.')[2]


@cache
def _versions() -> dict[str, str]:
    found = {'usfm_mm': usfm_mm.__version__}
    for package in _PACKAGES:
        for name in (package, f'onedl-{package}', f'{package}-lite'):
            try:
                found[package] = version(name)
                break
            except PackageNotFoundError:
                continue
    return found


@cache  # not at each checkpoint: the code that runs is that of the first
def _commit() -> str:
    root = Path(usfm_mm.__file__).parents[1]
    if not (root / '.git').exists():
        return ''
    try:
        done = subprocess.run(
            ['git', '-C', root, 'rev-parse', 'HEAD'], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return done.stdout.strip()
