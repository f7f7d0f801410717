"""What the model is given to learn from, as a picture."""

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from usfm_mm.engine.batch_tiles import batch_tiles
from usfm_mm.registry import HOOKS
from usfm_mm.visualization.figures import save_figure
from usfm_mm.visualization.tiles import tile_panel


@HOOKS.register_module()
class FirstBatchHook(Hook):
    """Draws the first batch of a training, augmented, with masks or labels, as ``first_batch.png``.

    A run that goes on leaves the picture of its beginning. A batch of another kind than
    segmentation or classification is not drawn.

    Args:
        num_images: At most.
    """

    def __init__(self, num_images: int = 12) -> None:
        if num_images < 1:
            raise ValueError(f'num_images must be at least 1, got {num_images}')
        self.num_images = num_images

    def before_train_iter(
        self, runner: Any, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Draw, before the first step."""
        if runner.iter or not data_batch or not is_main_process():
            return
        classes = (runner.train_dataloader.dataset.metainfo or {}).get('classes') or ()
        tiles = batch_tiles(data_batch, classes)[: self.num_images]
        if tiles:
            masked = any(tile.truth is not None for tile in tiles)
            panel = tile_panel({'': tiles}, classes if masked else ())
            path = save_figure(panel, Path(runner.work_dir, 'first_batch.png'))
            runner.logger.info(f'What the model sees first: {path}')
