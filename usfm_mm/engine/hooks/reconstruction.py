"""Shows during training what the model recovers, as the paper's Fig. 6."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import default_collate
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from usfm_mm.datasets.samples import choose_per_organ
from usfm_mm.datasets.seeding import SeededIndex, seeded
from usfm_mm.engine.show_image import show_image
from usfm_mm.engine.validated_weights import validated_weights
from usfm_mm.evaluation.reconstruction import evaluating, masked_patch_errors, reconstruct
from usfm_mm.io.json_file import write_json
from usfm_mm.registry import HOOKS
from usfm_mm.visualization.figures import figure_to_array, save_figure
from usfm_mm.visualization.reconstruction import reconstruction_panel


@HOOKS.register_module()
class ReconstructionHook(Hook):
    """Draws original, masked image and reconstruction per organ, in space and log spectrum.

    The images, their augmentation (if any) and their masks are the same every time: a seeded
    choice from the validation data set, or from the training set where there is none. Beside each
    ``work_dir/reconstruction/epoch_XXX.png`` (or ``iter_XXX.png``) lies a ``.json`` that says in
    numbers whether structure came back: per organ the L1 distance to the original within the masked
    patches, of the reconstruction (``l1_reconstruction``) and of the masked image, that is of the
    mean fill (``l1_mean_fill``), on intensities in [0, 1].

    Only the main process draws; the others go on and wait for it at their next exchange of
    gradients (under FSDP, where no process has the whole model, all of them run the model). The
    training is the same to the bit with and without the hook.

    Args:
        interval: Epochs or iterations between panels. The last epoch or iteration is drawn too.
        by_epoch: Whether ``interval`` counts epochs, else iterations.
        num_images: Images per organ.
        max_organs: Rows of organs at most, in the order of the data set's organs.
        seed: Of the choice of images, and of their masks.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(
        self,
        interval: int = 1,
        by_epoch: bool = True,
        num_images: int = 1,
        max_organs: int = 12,
        seed: int = 0,
    ) -> None:
        if min(interval, num_images, max_organs) < 1:
            raise ValueError(
                'interval, num_images and max_organs must be at least 1, got '
                f'{interval}, {num_images} and {max_organs}'
            )
        self.interval = interval
        self.by_epoch = by_epoch
        self.num_images = num_images
        self.max_organs = max_organs
        self.seed = seed

    def before_train(self, runner: Any) -> None:
        """Forget the images of a former run."""
        self._batch: dict | None = None

    def after_train_epoch(self, runner: Any) -> None:
        """Draw, if it is time to."""
        if self.by_epoch:
            last = runner.epoch + 1 == runner.max_epochs
            if last or self.every_n_epochs(runner, self.interval):
                self._draw(runner, f'epoch_{runner.epoch + 1:03d}', runner.iter)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Draw, if it is time to."""
        if not self.by_epoch:
            last = runner.iter + 1 == runner.max_iters
            if last or self.every_n_train_iters(runner, self.interval):
                self._draw(runner, f'iter_{runner.iter + 1:06d}', runner.iter + 1)

    def _draw(self, runner: Any, name: str, iterations: int) -> None:
        sharded = _is_sharded(runner.model)
        if not (is_main_process() or sharded):
            return
        wrapped = is_model_wrapper(runner.model)
        model = runner.model.module if wrapped else runner.model
        if self._batch is None:
            self._batch, self._labels = self._load(runner)
        caller = runner.model if sharded else model
        with validated_weights(runner), evaluating(runner.model):
            images = reconstruct(model, self._batch, caller)
        if not is_main_process():
            return
        self._write(runner, name, iterations, images)

    def _load(self, runner: Any) -> tuple[dict, list[str]]:
        loop = runner.val_loop if runner.val_loop is not None else runner.train_loop
        dataset = loop.dataloader.dataset
        chosen = choose_per_organ(dataset, self.num_images, self.seed)
        organs = list(chosen)[: self.max_organs]
        labels = [organ for organ in organs for _ in chosen[organ]]
        positions = [position for organ in organs for position in chosen[organ]]
        with seeded(self.seed):  # for data sets that draw from the global generators
            items = [dataset[SeededIndex(i, self.seed + n)] for n, i in enumerate(positions)]
        return default_collate(items), labels

    def _write(
        self, runner: Any, name: str, iterations: int, images: dict[str, np.ndarray]
    ) -> None:
        stem = Path(runner.work_dir, 'reconstruction', name)
        title = name.replace('_', ' ')
        figure = reconstruction_panel(
            images['original'], images['masked'], images['reconstruction'], self._labels, title
        )
        path = save_figure(figure, stem.with_suffix('.png'))
        record = dict(epoch=runner.epoch + 1, iter=iterations, image=path.name)
        record.update(masked_patch_errors(images, self._labels))
        write_json(stem.with_suffix('.json'), record)
        show_image(runner, 'reconstruction', figure_to_array(figure), iterations)
        text = f'Reconstruction panel: {path}'
        if record['l1_mean_fill'] is not None:
            text += (
                f' (L1 in masked patches {record["l1_reconstruction"]:.4f}, '
                f'of the mean fill {record["l1_mean_fill"]:.4f})'
            )
        runner.logger.info(text)


def _is_sharded(model: nn.Module) -> bool:
    return 'FullyShardedDataParallel' in {
        base.__name__ for module in model.modules() for base in type(module).__mro__
    }
