"""CycleGAN's memory of generated images, kept through an interruption."""

from typing import Any

import torch
from mmengine.dist import all_gather_object, get_rank
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from usfm_mm.registry import HOOKS


@HOOKS.register_module()
class ImageBufferHook(Hook):
    """Saves the generated images that CycleGAN shows to its discriminators again.

    mmagic keeps up to 50 per domain and process, and loses them when a run stops. With
    ``usfm_mm.IterationSeedHook``, ``usfm_mm.SafeCheckpointHook`` and a sampler that continues, a
    run that is resumed on as many processes ends with the weights of an undisturbed one.
    """

    _of_ranks: list[dict[str, list[torch.Tensor]]] | None = None

    def before_save_on_all_ranks(self, runner: Any) -> None:
        """Gather the images of all processes: only the main one writes the checkpoint."""
        self._of_ranks = all_gather_object(_images(runner))

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Put the images into a checkpoint to resume from, which has the optimizer's state."""
        if 'optimizer' in checkpoint:
            checkpoint['image_buffers'] = self._of_ranks or [_images(runner)]
        self._of_ranks = None

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Take them back, when resuming."""
        of_ranks = checkpoint.get('image_buffers')
        if not runner._resume or not of_ranks:
            return
        device = next(runner.model.parameters()).device
        for domain, images in of_ranks[get_rank() % len(of_ranks)].items():
            buffer = _buffers(runner)[domain]
            buffer.image_buffer = [image.to(device) for image in images]
            buffer.img_num = len(images)


def _images(runner: Any) -> dict[str, list[torch.Tensor]]:
    return {
        domain: [image.cpu() for image in buffer.image_buffer]
        for domain, buffer in _buffers(runner).items()
    }


def _buffers(runner: Any) -> dict[str, Any]:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return {k: buffer for k, buffer in model.image_buffers.items() if buffer.buffer_size > 0}
