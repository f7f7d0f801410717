"""Going on with a run, or beginning one: which checkpoint, and whether it fits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from usfm_mm.config.provenance import RUN, RUN_KEY, SETTINGS, settings_of, trained_with
from usfm_mm.io.last_checkpoint import ended_at, latest_checkpoint

# Precision and speed: a run may go on on another machine.
_FREE = {'optim_wrapper.type', 'optim_wrapper.optimizer.fused'}


def continue_or_begin(cfg: Config, resume: str | None, options: dict[str, Any]) -> None:
    """Set the checkpoint to go on from, or see that the work dir holds no other run.

    A folder where a run was logged but never saved is used again.

    Args:
        cfg: Of the run; changed in place.
        resume: A checkpoint, 'auto' for the latest in the work dir, or None for a new run.
        options: Of ``--cfg-options``.

    Raises:
        ValueError: If the checkpoint does not fit the config, or the folder holds a run.
        SystemExit: If the run is at its end.
    """
    if cfg.get('resume'):
        if options.get('resume'):
            resume = resume or options.get('load_from') or 'auto'
        else:  # the saved config of a run that was resumed
            print(f'resume=True of {cfg.filename} does not count: --resume continues a run.')
            cfg.resume, cfg.load_from = False, None
    saved = sorted(path.name for path in Path(cfg.work_dir).glob('*.pth'))
    if not resume:
        if saved:
            raise ValueError(
                f'{cfg.work_dir} holds a run ({saved[-1]}): --resume continues it, another '
                '--work-dir begins a new one'
            )
        return
    path = latest_checkpoint(cfg.work_dir) if resume == 'auto' else Path(resume)
    if path is None:
        print(f'{cfg.work_dir} has no checkpoint yet: the run begins at its start.')
        return
    cfg.resume, cfg.load_from = True, str(path)
    if path.is_dir():  # sharded, by the strategies of FlexibleRunner
        return
    from usfm_mm.models.checkpoints.files import load_file  # imports the hosts

    checkpoint = load_file(path)
    _check_goes_on(cfg, checkpoint, str(path))
    if _is_finished(cfg, checkpoint):
        if cfg.get('val_cfg') is None or ended_at(path.parent, checkpoint['meta']['iter']):
            print(f'{path} is the end of its run: there is nothing left to train.')
            raise SystemExit(0)
        print(f'{path} is the end of its run: what is left is its last validation.')


def _check_goes_on(cfg: Config, checkpoint: dict, source: str) -> None:
    """Refuse to go on with a run otherwise than it began.

    A checkpoint that does not tell, such as one made before this was noted, is taken as it is.

    Args:
        cfg: Of the run that is to go on.
        checkpoint: As loaded.
        source: Its name.

    Raises:
        ValueError: If the checkpoint holds weights only, or schedule, optimizer, image size or
            normalisation are others.
    """
    meta = checkpoint.get('meta') or {}
    how = f'to begin a run from its weights: --cfg-options load_from={source} --work-dir ANOTHER'
    if 'optimizer' not in checkpoint:
        raise ValueError(
            f'--resume {source}: it holds weights without the state of the optimizer. --resume '
            f'alone takes the latest checkpoint; {how}'
        )
    then = {**meta.get(RUN_KEY, {}), **settings_of(trained_with(checkpoint))}
    now = settings_of(cfg, (*RUN, *SETTINGS))
    before, after = (
        dict(_leaves({name: json.loads(of.get(name, 'null')) for name in then}))
        for of in (then, now)
    )
    different = [
        f'{name} is {after.get(name)}, it began with {before.get(name)}'
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name) and name not in _FREE
    ]
    if different:
        raise ValueError(
            f'--resume {source}: a run goes on as it began, but {"; ".join(different[:3])}. Give '
            f'the options of its beginning, or, {how}'
        )


def _is_finished(cfg: Config, checkpoint: dict) -> bool:
    """Whether a checkpoint, saved by ``SafeCheckpointHook``, is that of the end of its run."""
    meta, train_cfg = checkpoint.get('meta') or {}, cfg.get('train_cfg') or {}
    total = train_cfg.get('max_iters')
    if train_cfg.get('max_epochs') and 'iters_per_epoch' in meta:
        total = train_cfg['max_epochs'] * meta['iters_per_epoch']
    return bool(total) and meta.get('iter', 0) >= total


def _leaves(node: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    if not isinstance(node, (dict, list)):
        yield path, node
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield from _leaves(value, f'{path}.{key}' if path else str(key))
