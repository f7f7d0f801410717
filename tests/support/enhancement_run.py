"""Data, weights and small configs of enhancement."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from usfm_mm.compat import import_mmagic, set_up_cpu
from usfm_mm.config.image_size import set_image_size
from usfm_mm.config.options import set_data_root
from usfm_mm.io.image import encode_png
from usfm_mm.models import USFMViT

ROOT = Path(__file__).resolve().parents[2]
ARCH = dict(embed_dims=48, num_layers=12, num_heads=3, feedforward_channels=48)


def write_pairs(root: Path) -> Path:
    """Pairs of two organs: bright squares, and the same under noise."""
    rng = np.random.default_rng(0)
    for folder in ('low_quality', 'high_quality', 'splits'):
        (root / folder).mkdir(parents=True)
    for split, count in (('train', 4), ('val', 2), ('test', 3)):
        rows = []
        for i in range(count):
            high = np.full((40, 56), 40, np.uint8)
            x, y = rng.integers(0, 30, 2)
            high[y : y + 10, x : x + 16] = 180
            low = np.clip(high + rng.normal(0, 20, high.shape), 0, 255).astype(np.uint8)
            for side, image in (('low', low), ('high', high)):
                (root / f'{side}_quality' / f'{split}_{i}.png').write_bytes(encode_png(image))
            rows.append(f'{split}_{i}.png {"liver" if i % 2 else "kidney"}')
        (root / 'splits' / f'enhance_{split}.txt').write_text('\n'.join(rows) + '\n')
    return root


def write_weights(path: Path) -> Path:
    """A file of extractor weights."""
    torch.manual_seed(0)
    encoder = USFMViT(ARCH, img_size=32)
    encoder.init_weights()
    torch.save(encoder.state_dict(), path)
    return path


def load(name: str, data_root: Path, weights: Path, work_dir: Path) -> Any:
    """As the config says, but small."""
    import_mmagic()
    cfg = Config.fromfile(ROOT / name)
    set_data_root(cfg, str(data_root))
    set_image_size(cfg, 32)
    cfg.model.generator.update(base_channels=4, num_blocks=1)
    cfg.model.discriminator.update(base_channels=4, num_conv=2)
    if 'backbone' in cfg.model.generator:
        cfg.model.generator.backbone.arch = ARCH
        cfg.model.generator.backbone.init_cfg.checkpoint = str(weights)
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].update(num_workers=0, persistent_workers=False)
    cfg.train_cfg.update(max_epochs=2, val_interval=2)
    cfg.log_level = 'WARNING'
    cfg.launcher = 'none'
    cfg.runner_type = 'usfm_mm.QuietRunner'
    set_up_cpu(cfg)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = f'{Path(name).stem}-{work_dir.parent.name}-{work_dir.name}'
    return cfg
