"""Show what the model sees: images as stored, augmented, masked, and the masked spectrum.

python tools/browse_dataset.py CONFIG [--data-root DIR] [--num 8] [--out sheet.png]
"""

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from usfm_mm.cli import config_parser, load_config
from usfm_mm.engine.hooks.samples import stored_image
from usfm_mm.hosts import quiet_imports
from usfm_mm.registry import MODELS
from usfm_mm.visualization import dataset_panel, save_figure


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = config_parser(
        'Draw what the model sees in training: for each image as stored, augmented, masked, and '
        'the log spectrum of the masked one.'
    )
    parser.add_argument('--out', type=Path, help='PNG to write (default: NAME_OF_CONFIG_data.png)')
    parser.add_argument('--num', type=int, default=8, help='number of images (default: 8)')
    args = parser.parse_args(arguments)
    if args.num < 1:
        parser.error(f'--num must be at least 1, got {args.num}')
    return args


def draw(config: Config, num: int, out: Path) -> Path:
    """Write a sheet of the first images that the config's sampler draws.

    Args:
        config: With ``train_dataloader`` and ``model.data_preprocessor``.
        num: Number of images, at least 1; fewer where the sampler ends before.
        out: PNG to write.

    Returns:
        The path written.
    """
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    loader = dict(config.train_dataloader, num_workers=0, persistent_workers=False)
    seed = config.get('randomness', {}).get('seed', 0)
    loader = Runner.build_dataloader(loader, seed=seed)
    # The sampler itself, not the loader, to have each draw's stored image beside it.
    indices = list(islice(iter(loader.sampler), num))
    items = [loader.dataset[index] for index in indices]
    stored = [stored_image(loader.dataset, index) for index in indices]
    preprocessor = MODELS.build(config.model.data_preprocessor)
    data = preprocessor(default_collate(items), True)
    target, masked = data['data_samples']['target'], data['inputs']
    augmented, masked = (preprocessor.to_unit(images).numpy() for images in (target, masked))
    organs = loader.dataset.metainfo['organs']
    labels = [organs[int(item['organ_id'])] for item in items]
    return save_figure(dataset_panel(stored, np.asarray(augmented), masked, labels), out)


def main(arguments: list[str] | None = None) -> None:
    """Draw and print the path."""
    args = parse_args(arguments)
    quiet_imports()
    config = load_config(args)
    out = args.out or Path(f'{Path(args.config).stem}_data.png')
    print(draw(config, args.num, out).resolve())


if __name__ == '__main__':
    main()
