"""A command of the pages as it stands, with options behind it that make it short.

The last one of an option counts. Trainings take an epoch of a ViT-Ti on images of 64 pixels, as do
the tests of what they save. A checkpoint that a page names by another epoch or iteration than that
of so short a run is the run's last one.
"""

import re
from pathlib import Path

SIZE = '64'
SHORT = {
    'index': [],
    'browse': ['--image-size', SIZE, '--mask-size', '16'],
    'build-database': ['--workers', '1'],
    'knn': ['--k', '1'],
    'predict': ['--batch-size', '4'],
}
BENCHMARKS = {
    'data_pipeline': ['--images', '20', '--rounds', '1'],
    'data_sets': ['--items', '4', '--frames', '4', '--rounds', '1', '--size', '32'],
    'database': ['--files', '20', '--rows', '2000', '--real', '2', '--source', 'scans'],
    'exported': ['--arch', 'tiny', '--batch-size', '2', '--rounds', '1'],
    'gpu': ['--tiny', '--minutes', '0'],  # tests/benchmarks does its pieces
    'hostile': ['--kinds', 'places and names'],
    'inference': ['--images', '2', '--arch', 'tiny', '--batch-size', '2', '--rounds', '1'],
    'peak_memory': ['--archs', 'tiny'],
    'readers': ['--frames', '2'],
    'sampler': ['--images', '2000', '--workers', '1', '--rounds', '1'],
    'stages': ['--count', '2', '--hashes', '2000', '--data', 'scans'],
    'training_step': ['--arch', 'tiny', '--size', '32', '--batch-size', '2', '--rounds', '1'],
    'worker': ['--source', 'scans'],
}


def make_small(arguments):
    """Arguments of ``usfm``, with what makes them short.

    Example:
        >>> make_small(['knn', 'usfm/cls_custom_linear'])
        ['knn', 'usfm/cls_custom_linear', '--image-size', '64', '--arch', 'tiny', '--k', '1']
    """
    if not arguments:
        return arguments
    command, *rest = [fit_number(argument) for argument in arguments]
    if '--help' in rest or '-h' in rest:
        return arguments
    if command in ('train', 'test'):
        rest += run_options(rest[0], train=command == 'train')
        if command == 'train':
            rest += another_folder(rest)
    elif command == 'knn':
        rest += [*model_options(rest[0]), *SHORT[command]]
    elif command == 'compare':
        # A method's own options are words of one argument.
        rest = [' '.join(map(fit_number, argument.split(' '))) for argument in rest]
        rest += ['--seeds', '0', '--percent', '100']
        make_compare_small()
    else:
        rest += SHORT.get(command, [])
    return [command, *rest]


def fit_number(argument):
    """A checkpoint that is there, in the place of one with another number."""
    path = Path(argument)
    if not (path.suffix == '.pth' and not path.exists() and '*' not in argument):
        return argument
    stem = re.sub(r'\d+$', '', path.stem)
    found = sorted(path.parent.glob(f'{stem}*.pth'), key=lambda it: it.stat().st_mtime)
    return str(found[-1]) if found and stem != path.stem else argument


def model_options(config):
    """Options that make a model small, whichever config it is of."""
    from usfm_mm.config.options import load_plain

    cfg = load_plain(config)
    options = ['--image-size', SIZE]
    model = cfg.model
    generator = model.get('generator', {})
    backbone = model.get('backbone') or generator.get('backbone') or {}
    if backbone.get('type') == 'usfm_mm.USFMViT':
        options += ['--arch', 'tiny']
    if model.get('type') == 'usfm_mm.USFMPretrainer':
        options += ['--mask-size', '16']
    settings = []
    if model.get('decode_head', {}).get('type') == 'UPerHead':
        settings += ['model.decode_head.channels=16', 'model.auxiliary_head.channels=16']
    if generator:
        settings += ['model.generator.base_channels=4', 'model.generator.num_blocks=1']
        settings += ['model.discriminator.base_channels=4']
    if 'network' in backbone:
        name = 'channels' if backbone.network.type == 'UNet' else 'filters'
        settings.append(f'model.backbone.network.{name}={[8] * len(backbone.network[name])}')
    return [*options, *(['--cfg-options', *settings] if settings else [])]


def run_options(config, train):
    """Options that make a training or its test short."""
    from usfm_mm.config.options import load_plain

    cfg = load_plain(config)
    options = ['--workers', '0', *model_options(config)]
    if train:
        options += ['--epochs', '1']
        if cfg.default_scope != 'mmagic':
            options += ['--batch-size', '4']
        if cfg.model.type == 'usfm_mm.USFMPretrainer':
            options += ['--cfg-options', 'train_dataloader.sampler.num_samples=8']
            hooks = [hook.type for hook in cfg.get('custom_hooks', [])]
            if 'usfm_mm.EmbeddingHook' in hooks:  # too few images for UMAP, which takes 15 s
                place = hooks.index('usfm_mm.EmbeddingHook')
                options.append(f'custom_hooks.{place}.images_per_organ=1')
        else:
            options += ['--cfg-options', 'train_cfg.val_interval=1']
    return options


def another_folder(rest):
    """A page shows several ways to train: each of them gets a folder, as a reader would have it."""
    if '--work-dir' in rest or '--resume' in rest:
        return []
    folder = Path('work_dirs', Path(rest[0]).stem)
    number = 2
    free = folder
    while any(free.glob('*.pth')):
        free, number = folder.with_name(f'{folder.name}_{number}'), number + 1
    return ['--work-dir', str(free)]


def make_compare_small():
    """Let the trainings of ``usfm compare`` and ``experiment`` be those of the pages too."""
    from usfm_mm.experiments import execution

    execution.USFM = ('usfm',)
