"""A run of a few iterations of a tiny model, as the configs make it."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

ORGANS = ('breast', 'heart', 'liver')
SIZE = 64


@pytest.fixture(scope='session')
def organ_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight smooth images for each of three organs, and their index."""
    root = tmp_path_factory.mktemp('organs')
    rng = np.random.default_rng(0)
    lines = ['path,organ']
    for position, organ in enumerate(ORGANS):
        (root / organ).mkdir()
        for n in range(8):
            coarse = rng.uniform(0, 80, (4, 4)).astype(np.float32) + 60 * position
            image = cv2.resize(coarse, (80, 72), interpolation=cv2.INTER_CUBIC)
            name = f'{organ}/{n}.png'
            cv2.imwrite(str(root / name), image.clip(0, 255).astype(np.uint8))
            lines.append(f'{name},{organ}')
    (root / 'index.csv').write_text('\n'.join(lines) + '\n')
    return root


@pytest.fixture
def tiny_config(organ_folder: Path, tmp_path: Path) -> Config:
    """Two epochs of three iterations of four images."""
    return config_of(organ_folder, tmp_path / 'run')


def config_of(organ_folder: Path, work_dir: Path) -> Config:
    """What :func:`tiny_config` gives, in a folder of your own."""
    pipeline = [
        dict(type='usfm_mm.RandomAffineCrop', size=SIZE, rotation=(-10, 10), scale=(0.6, 1.0)),
        dict(type='usfm_mm.DrawDualMask', mask_size=32),
        dict(type='usfm_mm.PackUltrasound'),
    ]
    dataset = dict(type='usfm_mm.UltrasoundDataset', data_root=str(organ_folder), pipeline=pipeline)
    loader = dict(batch_size=4, num_workers=0, collate_fn=dict(type='default_collate'))
    model = dict(
        type='usfm_mm.USFMPretrainer',
        data_preprocessor=dict(type='usfm_mm.DualMaskDataPreprocessor', mean=[100.0], std=[50.0]),
        backbone=dict(
            type='usfm_mm.USFMViT',
            arch=dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96),
            img_size=SIZE,
            in_channels=1,
            drop_path_rate=0.2,
            out_type='featmap',
            final_norm=True,
        ),
    )
    return Config(
        dict(
            default_scope='mmpretrain',
            work_dir=str(work_dir),
            model=model,
            train_dataloader=dict(
                sampler=dict(type='usfm_mm.OrganBalancedSampler', num_samples=12),
                dataset=dataset,
                **loader,
            ),
            val_dataloader=dict(
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(dataset, seed=0),
                **loader,
            ),
            val_evaluator=dict(type='usfm_mm.ReconstructionMetric'),
            val_cfg=dict(),
            train_cfg=dict(by_epoch=True, max_epochs=2, val_interval=1),
            optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3)),
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=1),
                checkpoint=dict(type='CheckpointHook', interval=100, save_last=False),
            ),
            visualizer=dict(
                type='mmengine.Visualizer', vis_backends=[dict(type='mmengine.LocalVisBackend')]
            ),
            randomness=dict(seed=1),
            log_level='WARNING',
        )
    )


@pytest.fixture
def build_run(tiny_config: Config) -> Callable[..., Any]:
    """Builds the runner of the tiny config with hooks, and with changes like --cfg-options."""

    def build(hooks: list[dict], **changes: Any) -> Any:
        config = copy.deepcopy(tiny_config)
        config.merge_from_dict(changes)
        config.custom_hooks = hooks
        config.experiment_name = f'test-{np.random.SeedSequence().entropy}'
        return Runner.from_cfg(config)

    return build
