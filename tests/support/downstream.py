"""Data and small models for the downstream configs."""

from pathlib import Path

import numpy as np
from mmengine.config import Config

from usfm_mm.compat import find_mmseg_configs, import_mmseg, set_up_cpu
from usfm_mm.config.options import set_data_root
from usfm_mm.io.image import encode_png

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 48


def write_data(root, num_seg_classes, num_cls_classes):
    """Squares whose grey level is their class, and the lists of both tasks."""
    rng = np.random.default_rng(0)
    for folder in ('images', 'masks', 'splits'):
        (root / folder).mkdir(parents=True)
    for split, count in (('train', 4), ('val', 2), ('test', 3)):
        names, labels = [], []
        for i in range(count):
            mask = np.zeros((70, 90), np.uint8)
            for value in range(1, num_seg_classes):
                x, y = rng.integers(0, 50, 2)
                mask[y : y + 20, x : x + 20] = value
            image = rng.integers(0, 30, mask.shape, np.uint8) + mask * np.uint8(40)
            name = f'{split}_{i}'
            (root / 'images' / f'{name}.png').write_bytes(encode_png(image))
            (root / 'masks' / f'{name}.png').write_bytes(encode_png(mask))
            names.append(name)
            labels.append(f'{name}.png {i % num_cls_classes}')
        (root / 'splits' / f'seg_{split}.txt').write_text('\n'.join(names) + '\n')
        (root / 'splits' / f'cls_{split}.txt').write_text('\n'.join(labels) + '\n')


def narrow(cfg):
    """As deep as the config says, but narrow."""
    model = cfg.model
    backbone = model.backbone
    if backbone.type == 'usfm_mm.USFMViT':
        backbone.arch = dict(
            embed_dims=WIDTH, num_layers=12, num_heads=3, feedforward_channels=WIDTH
        )
        backbone.init_cfg = None
        if 'decode_head' in model:
            model.neck.embed_dim = WIDTH
            model.decode_head.update(in_channels=[WIDTH] * 4, channels=16)
            model.auxiliary_head.update(in_channels=WIDTH, channels=16)
        else:
            model.head.in_channels = WIDTH
    elif backbone.type == 'MixVisionTransformer':
        backbone.embed_dims = 8
        model.decode_head.update(in_channels=[8, 16, 40, 64], channels=16)
    elif backbone.type == 'usfm_mm.MONAINetwork':
        name = 'channels' if backbone.network.type == 'UNet' else 'filters'
        backbone.network[name] = [8] * len(backbone.network[name])
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].update(batch_size=2, num_workers=0, persistent_workers=False)


def load(name):
    find_mmseg_configs()
    cfg = Config.fromfile(ROOT / name)
    cfg.launcher = 'none'
    if cfg.default_scope == 'mmseg':
        import_mmseg()
    return cfg


def brief_fine_tuning(name, folder):
    """A small run whose scores change from epoch to epoch, on the data of a folder."""
    cfg = load(name)
    set_data_root(cfg, str(folder))
    narrow(cfg)
    cfg.model.backbone.arch.num_layers = 4
    if 'decode_head' in cfg.model:
        cfg.model.backbone.out_indices = [0, 1, 2, 3]
        # So that some foreground is found.
        cfg.model.decode_head.loss_decode.update(class_weight=[1.0, 8.0], avg_non_ignore=False)
    set_up_cpu(cfg)
    cfg.param_scheduler = []
    cfg.optim_wrapper.optimizer.lr = 3e-3
    return cfg
