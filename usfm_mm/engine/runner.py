"""mmengine runners with a readable console, which load only checkpoints that fit.

Where a checkpoint to resume from or to test lacks weights of the model, mmengine warns and goes on
with random ones; here that is an error.
"""

from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from mmengine._strategy import BaseStrategy
from mmengine.logging import MMLogger
from mmengine.runner import BaseLoop, FlexibleRunner, LogProcessor, Runner
from torch.utils.data import DataLoader

from usfm_mm.compat.compiled_training import keep_update_out
from usfm_mm.compat.log_processor import ScoreLogProcessor
from usfm_mm.compat.quiet_console import quieten
from usfm_mm.compat.running_statistics import AverageRunningStatistics
from usfm_mm.config.places import with_whole_paths
from usfm_mm.config.provenance import compare_settings, trained_with
from usfm_mm.config.schedule import without_empty
from usfm_mm.engine.stop_signals import shield_workers
from usfm_mm.models.checkpoints.files import load_file
from usfm_mm.registry import RUNNERS

_SHOWN = 200  # characters on weights that do not fit


class _StrictRunner:
    """What both runners share."""

    cfg: Any
    test_loop: Any
    _testing = False

    def build_log_processor(self, log_processor: Any) -> LogProcessor:
        """Build mmengine's log processor, or the one that shows scores as they are."""
        if isinstance(log_processor, dict) and log_processor.get('type') in (None, 'LogProcessor'):
            settings = {key: value for key, value in log_processor.items() if key != 'type'}
            log_processor = ScoreLogProcessor(**settings)
        return super().build_log_processor(log_processor)  # type: ignore[misc]

    def build_train_loop(self, loop: Any) -> BaseLoop:
        """Build mmengine's loop.

        Raises:
            ValueError: If an epoch has not one iteration.
        """
        loop = super().build_train_loop(loop)  # type: ignore[misc]
        loader = loop.dataloader
        if not len(loader):
            raise ValueError(
                f'{self.cfg.filename}: the {len(loader.sampler)} training images of a process are '
                f'fewer than a batch of {loader.batch_size}, and incomplete batches are left out: '
                f'--batch-size {max(len(loader.sampler), 1)} or less, or add images'
            )
        return loop

    def dump_config(self) -> None:
        """Save the config to the work dir, so that it means the same from any folder."""
        own = self.cfg
        self.cfg = with_whole_paths(own)
        try:
            super().dump_config()  # type: ignore[misc]
        finally:
            self.cfg = own

    def test(self) -> dict:
        """Test a checkpoint that fits."""
        self._testing = True
        return super().test()  # type: ignore[misc]

    def _load_strictly(self, load: Callable[..., dict], filename: str, **kwargs: Any) -> dict:
        try:
            checkpoint = load(filename, **kwargs)
        except (RuntimeError, UnpicklingError) as error:
            raise ValueError(
                f'{filename} cannot be loaded into the model of {self.cfg.filename}: is it a '
                'checkpoint of this config, with the same --arch, --image-size and classes? '
                f'{_options_of(filename, self.cfg)}({_in_short(error)})'
            ) from error
        if self._testing:
            metainfo = getattr(self.test_loop.dataloader.dataset, 'metainfo', {})
            compare_settings(self.cfg, metainfo.get('classes'), checkpoint)
        return checkpoint


def _options_of(filename: str, cfg: Any) -> str:
    """A sentence on the options that a checkpoint of another size was trained with; '' if none."""
    try:
        then = trained_with(load_file(filename))
    except (OSError, ValueError):  # a folder of shards, or no checkpoint at all
        return ''
    arch = ((then.get('model') or {}).get('backbone') or {}).get('arch')
    if not isinstance(arch, str) or arch == (cfg.model.get('backbone') or {}).get('arch'):
        return ''
    size = then.get('image_size')
    more = (
        f' --image-size {size}' if isinstance(size, int) and size != cfg.get('image_size') else ''
    )
    return f'It was trained with --arch {arch}{more}: give these. '


def _in_short(error: Exception) -> str:
    """What PyTorch says first of each kind of misfit, of which there may be hundreds."""
    _, *reasons = [line.strip() for line in str(error).splitlines() if line.strip()] or ['']
    if not reasons:
        return str(error)[:_SHOWN]
    kinds = {reason.split()[0]: reason for reason in reversed(reasons)}  # unexpected, missing, size
    shown = [r[:_SHOWN] + ('...' if len(r) > _SHOWN else '') for r in reversed(kinds.values())]
    more = len(reasons) - len(shown)
    return '; '.join(shown) + (f', and {more} more like it' if more else '')


@RUNNERS.register_module()
class QuietRunner(_StrictRunner, Runner):
    """``Runner`` with a readable console, which resumes and tests only checkpoints that fit."""

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build mmengine's logger, with a filter on its console handler."""
        logger = super().build_logger(*args, **kwargs)
        quieten(logger)
        return logger

    @staticmethod
    def build_dataloader(*args: Any, **kwargs: Any) -> DataLoader:
        """Build mmengine's loader, whose workers outlive a signal to the process group."""
        loader = Runner.build_dataloader(*args, **kwargs)
        shield_workers(loader)  # here, since an iteration-based loop starts them at once
        return loader

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build mmengine's schedulers but those of less than an iteration, which it refuses."""
        scheduler = without_empty(scheduler, len(self.train_dataloader))
        return super().build_param_scheduler(scheduler)

    def register_hooks(self, *args: Any, **kwargs: Any) -> None:
        """Register mmengine's hooks and the config's; with several processes, one for BatchNorm."""
        super().register_hooks(*args, **kwargs)
        if self.world_size > 1:
            self.register_hook(AverageRunningStatistics())

    def _maybe_compile(self, target: str) -> None:
        if self.cfg.get('compile'):
            keep_update_out(self.optim_wrapper)
        super()._maybe_compile(target)

    def load_checkpoint(
        self, filename: str, map_location: Any = 'cpu', strict: bool = False, **kwargs: Any
    ) -> dict:
        """Load weights; strictly to resume or test.

        Raises:
            ValueError: If the file cannot be read, or, strictly, a weight of the model or of the
                file has no counterpart; or a test has the classes of training in another order.
        """
        strict = strict or self._resume or self._testing
        kwargs.update(map_location=map_location, strict=strict)
        return self._load_strictly(super().load_checkpoint, filename, **kwargs)


@RUNNERS.register_module()
class QuietFlexibleRunner(_StrictRunner, FlexibleRunner):
    """``FlexibleRunner`` for FSDP and DeepSpeed; else as :class:`QuietRunner`."""

    def build_strategy(self, *args: Any, **kwargs: Any) -> BaseStrategy:
        """Build the strategy, which holds the logger here and loads the weights."""
        strategy = super().build_strategy(*args, **kwargs)
        quieten(strategy.logger)
        load, load_state = strategy.load_checkpoint, strategy.load_model_state_dict

        def load_checkpoint(filename: str, **kwargs: Any) -> dict:
            return self._load_strictly(load, filename, **kwargs)

        def load_model_state_dict(state: dict, *, strict: bool = False, **kwargs: Any) -> None:
            load_state(state, strict=strict or bool(self._resume) or self._testing, **kwargs)

        strategy.load_checkpoint = load_checkpoint
        strategy.load_model_state_dict = load_model_state_dict
        return strategy
