"""Epoch-based training that continues in the middle of an epoch."""

import inspect

from mmengine.runner import EpochBasedTrainLoop

from usfm_mm.registry import LOOPS


@LOOPS.register_module()
class ResumableEpochTrainLoop(EpochBasedTrainLoop):
    """mmengine's epoch loop, which resumes at the iteration where the checkpoint was saved.

    mmengine's own starts the epoch anew. The sampler needs ``start_at(num_samples)``, as
    ``OrganBalancedSampler`` and ``ShuffleSampler`` have it; images before that are not loaded.
    """

    def run_epoch(self) -> None:
        """Run what is left of the current epoch.

        Raises:
            TypeError: If the run was stopped in mid-epoch and the sampler cannot continue there.
        """
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        start = min(self._iter - self._epoch * len(self.dataloader), len(self.dataloader))
        if start:
            sampler = self.dataloader.sampler
            if not inspect.ismethod(getattr(sampler, 'start_at', None)):
                raise TypeError(
                    f'{type(sampler).__name__} cannot continue in mid-epoch: use '
                    'usfm_mm.ShuffleSampler or usfm_mm.OrganBalancedSampler, or save checkpoints '
                    'at the end of epochs only'
                )
            sampler.start_at(min(start * self.dataloader.batch_size, len(sampler)))
        for idx, batch in enumerate(self.dataloader, start):
            self.run_iter(idx, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
