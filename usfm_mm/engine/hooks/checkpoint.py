"""Checkpoints that survive whatever stops a run."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop
from mmengine.utils import apply_to

from usfm_mm.compat.message_hub import make_history_plain, restore_history
from usfm_mm.config.provenance import note_settings
from usfm_mm.engine.epoch_end import validation_was_due
from usfm_mm.engine.stop_signals import StopSignals, shield_workers
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.last_checkpoint import note_end
from usfm_mm.registry import HOOKS

_EPOCH = 'iters_per_epoch'
_STOP = 'stop_ckpt'
_SIGNALS = {2: 'Ctrl-C', 15: 'SIGTERM'}


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, safe against being stopped at any moment.

    - A checkpoint is written under a temporary name and then renamed, and the oldest one is
      removed only afterwards; mmengine writes in place and removes first.
    - On SIGTERM or Ctrl-C, on any rank, all finish the iteration, a checkpoint is saved and the
      processes end with status 143 or 130. A validation is finished first; a run of one process
      saves before that.
    - At the end of an epoch a checkpoint is saved if the last one is ``max_minutes`` old. It and
      the one of a stop are removed when the next one is written.
    - The best one is complete: a run can go on from it as from any other.
    - A run that goes on from the end of an epoch validates this epoch again: the checkpoint is
      older than its validation, which may have been cut off, and does not know its score.
    - Before a checkpoint, every hook that has ``before_save_on_all_ranks(runner)`` is called on all
      ranks; mmengine's ``before_save_checkpoint`` is on the main one only.
    - The file holds tensors and plain containers only, so that ``torch.load(weights_only=True)``
      reads it; mmengine's own log history is stored as a Python object.

    Args:
        max_minutes: How much of a run of short epochs may be lost to a crash.
        args: Of ``CheckpointHook``, as ``kwargs``.
    """

    best_ckpt_path: str | None

    def __init__(self, *args: Any, max_minutes: float = 5.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_minutes = max_minutes
        self._signals = StopSignals()
        self._training = False

    def before_train(self, runner: Any) -> None:
        """Prepare the output folder, listen for signals and keep them from the data workers."""
        super().before_train(runner)
        self._saved_at = time.monotonic()
        self._training = True
        self._saved_in_validation = False
        self._signals.listen()
        for loop in (runner.train_loop, runner.val_loop):
            if hasattr(loop, 'dataloader'):
                shield_workers(loop.dataloader)
        if runner._resume and validation_was_due(runner):
            runner.val_loop.run()

    def after_train(self, runner: Any) -> None:
        """Stop listening; publish as the parent does, and leave word that the run is over."""
        self._signals.leave()
        self._training = False
        super().after_train(runner)
        if is_main_process():
            note_end(runner.work_dir, runner.iter)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Save if it is time to, or if any rank was asked to stop, which ends the process."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        self._stop_if_asked(runner, runner.iter + 1, runner.epoch)

    def after_train_epoch(self, runner: Any) -> None:
        """Save if it is time to."""
        super().after_train_epoch(runner)
        if _largest(time.monotonic() - self._saved_at) > 60 * self.max_minutes:
            self._save_for_now(runner, runner.iter, runner.epoch + 1)

    def after_val_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Save at once if asked to stop; several processes may not be at the same iteration."""
        asked = self._training and self._signals.received and get_world_size() == 1
        if asked and not self._saved_in_validation:
            self._save_for_now(runner, runner.iter, runner.epoch)
            self._saved_in_validation = True

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Save the best; stop if any rank was asked to."""
        super().after_val_epoch(runner, metrics)
        if self._training:
            self._stop_if_asked(runner, runner.iter, runner.epoch)

    def _stop_if_asked(self, runner: Any, iterations: int, epoch: int) -> None:
        number = int(_largest(self._signals.received))
        if number:
            path = self._save_for_now(runner, iterations, epoch)
            runner.logger.warning(
                f'Stopped by {_SIGNALS[number]} after iteration {iterations}. Saved {path}; '
                'continue with --resume.'
            )
            raise SystemExit(128 + number)

    def _save_for_now(self, runner: Any, iterations: int, epoch: int) -> str:
        name = f'iter_{iterations}.pth'
        if self.last_ckpt and Path(self.last_ckpt).name == name:  # by the interval, just now
            return self.last_ckpt
        return self._save(runner, name, dict(epoch=epoch, iter=iterations), False, for_now=True)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Make the checkpoint plain, and note what it takes to resume, test or use it.

        mmengine's log history and NumPy's scalars become plain containers and numbers.
        """
        dataset = getattr(runner.train_dataloader, 'dataset', None)
        note_settings(runner.cfg, checkpoint, dataset)
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            checkpoint['meta'][_EPOCH] = len(runner.train_loop.dataloader)
        make_history_plain(checkpoint)
        for key in checkpoint.keys() - {'state_dict', 'optimizer'}:
            checkpoint[key] = apply_to(
                checkpoint[key], lambda x: isinstance(x, np.generic), lambda x: x.item()
            )

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Turn the log history back, when resuming.

        Raises:
            ValueError: If an epoch has another number of iterations than when it was saved.
        """
        if runner._resume and isinstance(runner.train_loop, EpochBasedTrainLoop):
            now = len(runner.train_loop.dataloader)
            then = checkpoint['meta'].get(_EPOCH, now)
            if then != now:
                raise ValueError(
                    f'the checkpoint is of a run with {then} iterations an epoch, this one has '
                    f'{now}: epochs and learning rate would go on at a wrong place. Resume with '
                    'the same data and as many images a step (processes x batch size); or begin '
                    'a new run with its weights (--cfg-options load_from=CHECKPOINT)'
                )
        restore_history(checkpoint)

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        ids = getattr(self, 'keep_ckpt_ids', None)  # only there if max_keep_ckpts is set
        expired = None
        if ids is not None and (not ids or ids[-1] != step):
            expired = ids.popleft() if len(ids) == self.max_keep_ckpts else None
            ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(ids))
        self._save(runner, self.filename_tmpl.format(step), meta, self.by_epoch)
        if expired is not None and is_main_process():
            path = Path(self.out_dir, self.filename_tmpl.format(expired))
            path.unlink(missing_ok=True)

    def _save(
        self, runner: Any, name: str, meta: dict, by_epoch: bool, for_now: bool = False
    ) -> str:
        path = os.path.join(self.out_dir, name)
        spent = runner.message_hub.runtime_info.get(_STOP)
        if for_now or spent:
            runner.message_hub.update_info(_STOP, name if for_now else '')
        self.last_ckpt = path
        runner.message_hub.update_info('last_ckpt', path)
        runner.call_hook('before_save_on_all_ranks')
        self._save_whole(runner.save_checkpoint, name, meta=meta, by_epoch=by_epoch, **self.args)
        if is_main_process():
            write_atomic(Path(runner.work_dir, 'last_checkpoint'), path.encode())
            if spent and spent != name:
                Path(self.out_dir, spent).unlink(missing_ok=True)
        self._saved_at = time.monotonic()
        return path

    def _save_best_checkpoint(self, runner: Any, metrics: dict) -> None:
        if not self.save_best:
            return
        # The parent removes the old best before it writes the new one, and writes that in place
        # and without the optimizer.
        previous, self.best_ckpt_path = getattr(self, 'best_ckpt_path', None), None
        save = runner.save_checkpoint

        def save_whole(out_dir: str, filename: str, meta: dict, **unused: Any) -> None:
            runner.call_hook('before_save_on_all_ranks')
            self._save_whole(save, filename, meta=meta, by_epoch=False)

        runner.save_checkpoint = save_whole
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            runner.save_checkpoint = save
        if self.best_ckpt_path is None:
            self.best_ckpt_path = previous
        elif previous and is_main_process():
            # By its name alone: the path may be that of another run, which this one goes on from.
            own = Path(self.out_dir, Path(previous).name)
            if own.name != Path(self.best_ckpt_path).name:
                own.unlink(missing_ok=True)

    def _save_whole(self, save: Callable, name: str, **kwargs: Any) -> None:
        """Save under a temporary name, then rename.

        Raises:
            OSError: It cannot be written, as on a full disk; nothing is left of it.
        """
        path = Path(self.out_dir, name)
        try:
            save(
                self.out_dir,
                f'{name}.tmp',
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                backend_args=self.backend_args,
                **kwargs,
            )
            if is_main_process():
                os.replace(f'{path}.tmp', path)
        except OSError as error:
            Path(f'{path}.tmp').unlink(missing_ok=True)
            raise OSError(
                f'{path} cannot be saved ({error.strerror or error}): the earlier ones '
                'are whole. Make room, then the same command with --resume goes on'
            ) from error


def _largest(value: float) -> float:
    """The largest of all ranks' values."""
    if get_world_size() == 1:
        return value
    tensor = torch.tensor(float(value))
    all_reduce(tensor, op='max')
    return tensor.item()
