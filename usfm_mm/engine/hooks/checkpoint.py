"""Checkpoints that survive whatever stops a run."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer
from mmengine.runner import EpochBasedTrainLoop
from mmengine.utils import apply_to

from usfm_mm.config.provenance import note_settings
from usfm_mm.registry import HOOKS

_EPOCH = 'iters_per_epoch'
_STOP = 'stop_ckpt'


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, safe against being stopped at any moment.

    - A checkpoint is written under a temporary name and then renamed, and the oldest one is
      removed only afterwards; mmengine writes in place and removes first.
    - On SIGTERM (Slurm's time limit, ``kill``) the iteration is finished, a checkpoint saved and
      the process ended with status 143. All ranks stop at the same iteration.
    - Before a checkpoint to resume from, every hook that has ``before_save_on_all_ranks(runner)``
      is called on all ranks; mmengine's ``before_save_checkpoint`` is on the main one only.
    - The file holds tensors and plain containers only, so that ``torch.load(weights_only=True)``
      reads it; mmengine's own log history is stored as a Python object.

    Takes the arguments of ``CheckpointHook``.
    """

    best_ckpt_path: str | None
    _asked_to_stop = False

    def before_train(self, runner: Any) -> None:
        """Prepare the output folder and listen for SIGTERM."""
        super().before_train(runner)
        self._previous_handler = signal.signal(signal.SIGTERM, self._ask_to_stop)

    def after_train(self, runner: Any) -> None:
        """Stop listening; publish as the parent does."""
        signal.signal(signal.SIGTERM, self._previous_handler)
        super().after_train(runner)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Save if it is time to, or if any rank was asked to stop.

        Raises:
            SystemExit: With 143, the shell's status of a process ended by SIGTERM.
        """
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if not self._any_rank_asked_to_stop():
            return
        step = runner.iter + 1
        name = f'iter_{step}.pth'
        path = self._save(runner, name, dict(epoch=runner.epoch, iter=step), False, stopping=True)
        runner.logger.warning(
            f'Stopped by SIGTERM after iteration {step}. Saved {path}; continue with --resume.'
        )
        raise SystemExit(143)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Make the checkpoint plain, and note what it takes to resume or test it.

        mmengine's log history and NumPy's scalars become plain containers and numbers.
        """
        note_settings(runner.cfg, checkpoint)
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            checkpoint['meta'][_EPOCH] = len(runner.train_loop.dataloader)
        scalars = checkpoint['message_hub']['log_scalars']
        for key, buffer in scalars.items():
            scalars[key] = dict(
                log_history=torch.as_tensor(buffer._log_history),
                count_history=torch.as_tensor(buffer._count_history),
                max_length=buffer.max_length,
            )
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
        scalars = checkpoint.get('message_hub', {}).get('log_scalars', {})
        for key, plain in scalars.items():
            if isinstance(plain, dict):
                scalars[key] = HistoryBuffer(
                    plain['log_history'].cpu().numpy(),
                    plain['count_history'].cpu().numpy(),
                    plain['max_length'],
                )

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
        self, runner: Any, name: str, meta: dict, by_epoch: bool, stopping: bool = False
    ) -> str:
        path = os.path.join(self.out_dir, name)
        # The one of the last stop has done its service when the next is written.
        spent = runner.message_hub.runtime_info.get(_STOP)
        if stopping or spent:
            runner.message_hub.update_info(_STOP, name if stopping else '')
        self.last_ckpt = path
        runner.message_hub.update_info('last_ckpt', path)
        runner.call_hook('before_save_on_all_ranks')
        self._save_whole(
            runner.save_checkpoint,
            self.out_dir,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            pointer = Path(runner.work_dir, 'last_checkpoint')
            pointer.with_suffix('.tmp').write_text(path)
            os.replace(pointer.with_suffix('.tmp'), pointer)
            if spent and spent != name:
                Path(self.out_dir, spent).unlink(missing_ok=True)
        return path

    def _save_best_checkpoint(self, runner: Any, metrics: dict) -> None:
        if not self.save_best:
            return
        # The parent removes the old best before it writes the new one, and writes that in place.
        previous, self.best_ckpt_path = self.best_ckpt_path, None
        save = runner.save_checkpoint
        runner.save_checkpoint = partial(self._save_whole, save)
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

    @staticmethod
    def _save_whole(save: Callable, out_dir: str, filename: str, **kwargs: Any) -> None:
        """Save under a temporary name, then rename."""
        temporary = f'{filename}.tmp'
        save(out_dir, temporary, **kwargs)
        if is_main_process():
            os.replace(os.path.join(out_dir, temporary), os.path.join(out_dir, filename))

    def _any_rank_asked_to_stop(self) -> bool:
        if get_world_size() == 1:
            return self._asked_to_stop
        flag = torch.tensor(int(self._asked_to_stop))
        all_reduce(flag, op='max')
        return bool(flag)

    def _ask_to_stop(self, signum: int, frame: FrameType | None) -> None:
        self._asked_to_stop = True


def latest_checkpoint(work_dir: str) -> Path | None:
    """The checkpoint to resume from in a work dir; None where there is none yet.

    mmengine stores its path as it was when it was written; here the file beside is taken, so that
    a work dir may be copied or moved.

    Raises:
        FileNotFoundError: If the file is gone.
    """
    pointer = Path(work_dir, 'last_checkpoint')
    if not pointer.is_file():
        return None
    written = Path(pointer.read_text().strip())
    for path in (Path(work_dir, written.name), written):  # the hook may save elsewhere (out_dir)
        if path.exists():
            return path
    raise FileNotFoundError(
        f'{pointer} names {written.name}, which is gone: name another checkpoint, or remove '
        f'{pointer} to begin anew'
    )
