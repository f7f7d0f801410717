"""k-NN on frozen features: usfm knn CONFIG [CHECKPOINT] --data-root DIR.

The neighbours are the config's training images, the question its test images, or with --split val
those of validation; both go through the test pipeline, without augmentation, and nothing is trained
or chosen. Results: WORK_DIR/knn.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usfm_mm.config.parser import knn_parser

if TYPE_CHECKING:  # imported once they are needed
    from mmengine.config import Config
    from torch import nn
    from torch.utils.data import DataLoader

    from usfm_mm.evaluation.knn import LabelledFeatures


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = knn_parser()
    args = parser.parse_args(argv)
    if args.k < 1:
        parser.error(f'--k must be at least 1, got {args.k}')
    if args.checkpoint and not Path(args.checkpoint).is_file():
        parser.error(f'{args.checkpoint}: no such checkpoint; leave it out for that of the config')
    return args


def check_task(cfg: Config) -> None:
    """Stop at the start where images have no labels to vote with.

    Raises:
        ValueError: If the config is one of segmentation or enhancement.
    """
    scope = cfg.get('default_scope', 'mmpretrain')
    if scope != 'mmpretrain':
        raise ValueError(
            f'{cfg.filename} is a config of {scope}, but k-NN needs one of classification '
            '(mmpretrain), such as configs/usfm/cls_custom_probe.py'
        )


def build_model(cfg: Config, checkpoint: str | None) -> nn.Module:
    """The config's model with its weights, in eval mode, on the GPU where there is one."""
    import torch
    from mmengine.config import ConfigDict
    from mmengine.runner import load_checkpoint

    from usfm_mm.registry import MODELS

    backbone = cfg.model.backbone
    ours = backbone.type == 'usfm_mm.USFMViT'
    if checkpoint and ours:
        backbone.init_cfg = ConfigDict(type='Pretrained', checkpoint=checkpoint)
    torch.manual_seed(cfg.get('randomness', {}).get('seed') or 0)  # of random weights
    model = MODELS.build(cfg.model)
    model.init_weights()
    if checkpoint and not ours:
        load_checkpoint(model, checkpoint, map_location='cpu', strict=True)
    return model.eval().to('cuda' if torch.cuda.is_available() else 'cpu')


def build_loaders(cfg: Config) -> tuple[DataLoader, DataLoader]:
    """Loaders of the training and the test images, both with the test pipeline and in order."""
    from mmengine.runner import Runner

    test = copy.deepcopy(cfg.test_dataloader)
    dataset = copy.deepcopy(cfg.train_dataloader.dataset)
    while 'dataset' in dataset:  # a repeated or balanced data set: each image once here
        dataset = dataset.dataset
    dataset.pipeline = copy.deepcopy(test.dataset.pipeline)
    test.sampler = dict(type='DefaultSampler', shuffle=False)
    test.drop_last = False
    # Two lots of workers: those of the first would otherwise wait beside the second's.
    test.persistent_workers = False
    train = copy.deepcopy(test)
    train.dataset = dataset
    return Runner.build_dataloader(train), Runner.build_dataloader(test)


def check_split(train: Any, test: Any, k: int) -> None:
    """Stop before the features are computed where the answer would be worth nothing.

    Args:
        train: Data set of the neighbours.
        test: Data set of the question.
        k: Neighbours.

    Raises:
        ValueError: If there are fewer than ``k`` training images, an image is in both sets, or
            the sets name different classes.
    """
    if len(train) < k:
        raise ValueError(f'--k {k}, but there are only {len(train)} training images')
    paths = [
        {dataset.get_data_info(n)['img_path'] for n in range(len(dataset))}
        for dataset in (train, test)
    ]
    both = sorted(paths[0] & paths[1])
    if both:
        raise ValueError(
            f'the training and the test set share images ({len(both)}, such as {both[0]}): make '
            'the splits disjoint'
        )
    names = [dataset.metainfo.get('classes') for dataset in (train, test)]
    if names[0] != names[1]:
        raise ValueError(f'the training set has the classes {names[0]}, the test set {names[1]}')


def evaluate(
    train: LabelledFeatures, test: LabelledFeatures, classes: list[str], k: int, table: Path
) -> dict[str, float]:
    """Measures in % with their bootstrap standard deviations; the table of images is written."""
    import torch

    from usfm_mm.evaluation.bootstrap_cls import BootstrapClsMetric
    from usfm_mm.evaluation.knn import knn_scores

    scores = torch.from_numpy(knn_scores(train, test.features, len(classes), k))
    metric = BootstrapClsMetric(csv_path=table)
    metric.dataset_meta = dict(classes=classes)
    samples = [
        dict(img_path=path, gt_label=torch.tensor([label]), pred_score=score)
        for path, label, score in zip(test.paths, test.labels.tolist(), scores, strict=True)
    ]
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def tell_cost(model: nn.Module, loader: DataLoader, file: Path) -> None:
    """Measure what the features of a batch cost."""
    from mmengine.logging import MMLogger

    from usfm_mm.evaluation.cost import write_cost
    from usfm_mm.evaluation.knn import classifier_features

    def step(batch: Any) -> None:
        classifier_features(model, [batch])

    warn = MMLogger.get_current_instance().warning
    write_cost(file, model, step, next(iter(loader)), warn)


def main(argv: Sequence[str] | None = None) -> None:
    """Extract, classify and report."""
    args = parse_args(argv)
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from usfm_mm.compat import quiet_imports, set_up_cpu
    from usfm_mm.config.options import load_config
    from usfm_mm.datasets.checks import check_data
    from usfm_mm.evaluation.classification import MEASURES
    from usfm_mm.evaluation.knn import classifier_features
    from usfm_mm.io.json_file import write_json

    cfg = load_config(args)
    check_task(cfg)
    set_up_cpu(cfg)
    quiet_imports()
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    check_data(cfg, ('train', args.split))
    if args.split == 'val':  # only now, or it would seem to be the list of both
        cfg.test_dataloader = cfg.val_dataloader
    train_loader, test_loader = build_loaders(cfg)
    test_set: Any = test_loader.dataset
    check_split(train_loader.dataset, test_set, args.k)
    folder = Path(args.folder or Path('work_dirs') / Path(args.config).stem) / 'knn'
    folder.mkdir(parents=True, exist_ok=True)
    # mmengine writes a paragraph per parameter, on the console where there is no log file.
    MMLogger.get_instance(str(folder), log_file=str(folder / 'knn.log'))
    model = build_model(cfg, args.checkpoint)
    train, test = (
        classifier_features(model, track(loader, f'features of {name}'))
        for name, loader in (('training', train_loader), ('test', test_loader))
    )
    classes = list(test_set.metainfo['classes'])
    metrics = evaluate(train, test, classes, args.k, folder / 'per_image.csv')
    summary = dict(
        metrics=metrics,
        k=args.k,
        train_images=len(train.paths),
        split=args.split,
        images=len(test.paths),
        feature_size=train.features.shape[1],
        checkpoint=args.checkpoint or (cfg.model.backbone.get('init_cfg') or {}).get('checkpoint'),
        config=Path(args.config).name,
    )
    write_json(folder / 'summary.json', summary)
    if args.cost:
        tell_cost(model, test_loader, folder / 'cost.json')
    sheet = Table(
        title=f'{args.k}-NN, {len(train.paths)} training and {len(test.paths)} {args.split} images'
    )
    for name in MEASURES:
        sheet.add_column(name, justify='right')
    sheet.add_row(*(f'{metrics[name]:.2f} ± {metrics[name + "_std"]:.2f}' for name in MEASURES))
    console = Console()
    console.print(sheet)
    console.print(str(folder.resolve()), soft_wrap=True, highlight=False)
