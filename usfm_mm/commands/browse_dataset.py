"""Show what the model sees in training.

In pre-training: images as stored, augmented, masked, and the spectrum. In segmentation and
classification: augmented images with their masks or labels.

usfm browse CONFIG [--data-root DIR] [--num 8] [--out sheet.png]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from usfm_mm.config.parser import config_parser

if TYPE_CHECKING:  # imported once they are needed
    import numpy as np
    from matplotlib.figure import Figure
    from mmengine.config import Config


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = config_parser(
        'Draw what the model sees in training: of pre-training each image as stored, augmented, '
        'masked, and the log spectrum of the masked one; else with its mask or label.'
    )
    parser.add_argument('--out', type=Path, help='PNG to write (default: NAME_OF_CONFIG_data.png)')
    parser.add_argument('--num', type=int, default=8, help='number of images (default: 8)')
    args = parser.parse_args(argv)
    if args.num < 1:
        parser.error(f'--num must be at least 1, got {args.num}')
    return args


def draw(config: Config, num: int, out: Path) -> Path:
    """Write a sheet of the first images that the config's sampler draws.

    Args:
        config: Of a pre-training, a segmentation or a classification.
        num: Number of images, at least 1; fewer where the sampler ends before.
        out: PNG to write.

    Returns:
        The path written.

    Raises:
        ValueError: If the config is of another kind.
    """
    if config.get('default_scope') == 'mmagic':
        raise ValueError(
            f'{config.filename} trains on pairs: only images of pre-training, segmentation and '
            'classification can be shown'
        )
    from mmengine.registry import init_default_scope
    from mmengine.runner import Runner

    from usfm_mm.compat import import_host
    from usfm_mm.datasets import UltrasoundDataset
    from usfm_mm.datasets.samples import stored_image
    from usfm_mm.visualization.figures import save_figure
    from usfm_mm.visualization.reconstruction import dataset_panel

    import_host(config)
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    loader = dict(config.train_dataloader, num_workers=0, persistent_workers=False)
    seed = config.get('randomness', {}).get('seed', 0)
    loader = Runner.build_dataloader(loader, seed=seed)
    # The sampler itself, not the loader, to have each draw's stored image beside it.
    indices = list(islice(iter(loader.sampler), num))
    items = [loader.dataset[index] for index in indices]
    if not isinstance(loader.dataset, UltrasoundDataset):
        return save_figure(labelled_panel(items, loader.dataset.metainfo, config.filename), out)
    stored = [stored_image(loader.dataset, index) for index in indices]
    # A broken image has been replaced by one of its organ.
    labels = [loader.dataset.get_data_info(index)['organ'] for index in indices]
    if hasattr(items[0].get('data_samples'), 'mask'):
        augmented, masked = simmim_images(items)
    else:
        augmented, masked = dual_mask_images(items, config.model.data_preprocessor)
    return save_figure(dataset_panel(stored, augmented, masked, labels), out)


def labelled_panel(items: list[dict], metainfo: dict, config: str) -> Figure:
    """Images of segmentation or classification with their masks or labels.

    Raises:
        ValueError: They are of another kind.
    """
    from mmengine.dataset import pseudo_collate

    from usfm_mm.engine.batch_tiles import batch_tiles
    from usfm_mm.visualization.tiles import tile_panel

    classes = (metainfo or {}).get('classes') or ()
    tiles = batch_tiles(pseudo_collate(items), classes)
    if not tiles:
        raise ValueError(
            f'{config}: only images of pre-training, segmentation and classification can be shown'
        )
    return tile_panel({'': tiles}, classes if tiles[0].truth is not None else ())


def dual_mask_images(items: list[dict], preprocessor: dict) -> tuple[np.ndarray, np.ndarray]:
    """Augmented and dual-masked images.

    Args:
        items: Of the data set, as ``PackUltrasound`` makes them.
        preprocessor: Config of ``DualMaskDataPreprocessor``.

    Returns:
        Both float ``[N, C, H, W]``, intensities around [0, 1].
    """
    from mmengine.dataset import default_collate

    from usfm_mm.registry import MODELS

    module = MODELS.build(preprocessor)
    data = module(default_collate(items), True)
    target, inputs = data['data_samples']['target'], data['inputs']
    return module.to_unit(target).numpy(), module.to_unit(inputs).numpy()


def simmim_images(items: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Augmented images, and the same black where SimMIM puts its mask token.

    Args:
        items: Of the data set, as mmpretrain's ``PackInputs`` makes them: ``inputs`` uint8
            ``[C, H, W]`` and ``data_samples.mask`` ``[h, w]``, 1 where a patch of the model is
            masked.

    Returns:
        Both float ``[N, C, H, W]`` in [0, 1].
    """
    import torch

    from usfm_mm.masking import pixel_mask

    images = torch.stack([item['inputs'] for item in items]).float() / 255
    masks = torch.stack([torch.as_tensor(item['data_samples'].mask) for item in items]).bool()
    return images.numpy(), images.masked_fill(pixel_mask(images, masks), 0).numpy()


def main(argv: Sequence[str] | None = None) -> None:
    """Draw and print the path."""
    args = parse_args(argv)
    from usfm_mm.compat import quiet_imports

    quiet_imports()
    from usfm_mm.config.options import load_config

    config = load_config(args)
    out = args.out or Path(f'{Path(args.config).stem}_data.png')
    print(draw(config, args.num, out).resolve())
