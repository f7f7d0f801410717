"""CycleGAN's memory of generated images, kept through an interruption."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from usfm_mm.registry import HOOKS


@HOOKS.register_module()
class ImageBufferHook(Hook):
    """Saves the generated images that CycleGAN shows to its discriminators again.

    mmagic keeps up to 50 per domain, and loses them when a run stops. With
    ``usfm_mm.IterationSeedHook`` and a sampler that continues, a resumed run then ends with the
    weights of an undisturbed one. Of several processes, the images of the main one are saved, and
    all continue with them.
    """

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Put the images into a checkpoint to resume from, which has the optimizer's state."""
        if 'optimizer' not in checkpoint:
            return
        checkpoint['image_buffers'] = {
            domain: [image.cpu() for image in buffer.image_buffer]
            for domain, buffer in _buffers(runner).items()
        }

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Take them back, when resuming."""
        if not runner._resume:
            return
        device = next(runner.model.parameters()).device
        for domain, images in checkpoint.get('image_buffers', {}).items():
            buffer = _buffers(runner)[domain]
            buffer.image_buffer = [image.to(device) for image in images]
            buffer.img_num = len(images)


def _buffers(runner: Any) -> dict[str, Any]:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return {k: buffer for k, buffer in model.image_buffers.items() if buffer.buffer_size > 0}
