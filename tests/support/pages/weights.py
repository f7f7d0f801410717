"""Weights that pages name: of trainings of a moment, or without any training."""

import os
import shutil
import subprocess
from pathlib import Path

import torch

from support.pages.stand_ins import busi, indexed, qualities

TRAININGS = {
    'pretrained': 'usfm/pretrain_3mus --data-root organs',
    'segmenter': 'usfm/seg_custom_upernet --data-root busi --weights pretrained.pth',
    'enhancer': 'usfm/enhance_custom_cyclegan --data-root pairs --weights released.pth',
}
"""What "usfm train" gets."""


class Weights:
    """Files that are made once, and copied to where pages name them.

    Args:
        folder: Where they are made.
        environment: With ``usfm`` on its path.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def put(self, kind: str, path: Path) -> None:
        """Write a file of a kind."""
        path.parent.mkdir(parents=True, exist_ok=True)
        source = self.folder / f'{kind}.pth'
        if not source.exists():
            self.make(kind, source)
        shutil.copy(source, path)

    def make(self, kind: str, target: Path) -> None:
        """Train, convert or invent."""
        if kind.startswith('released'):
            from usfm_mm.models import USFMViT

            arch = 'base' if kind == 'released_base' else 'tiny'
            model = USFMViT(arch=arch, img_size=224, in_channels=3)
            content = {f'backbone.{key}': value for key, value in model.state_dict().items()}
            torch.save({'state_dict': content}, self.folder / 'own.pth')
            self.sh(f'usfm convert own.pth {target.name} --to usfm; rm own.pth')
        elif kind == 'mae':
            torch.save({'model': mae()}, target)
        else:
            self.data()
            for start in ('pretrained', 'released'):
                if f'{start}.pth' in TRAININGS[kind]:
                    self.put(start, self.folder / 'copy.pth')
            self.sh(f'usfm train {TRAININGS[kind]} --work-dir runs/{kind}')
            runs = self.folder / 'runs' / kind
            [*_, last] = sorted(runs.glob('iter_*.pth' if kind == 'pretrained' else 'best_*.pth'))
            os.replace(last, target)

    def data(self) -> None:
        """What the trainings take."""
        if not (self.folder / 'organs').exists():
            indexed(self.folder / 'organs')
            busi(self.folder / 'release')
            qualities(self.folder / 'scans')
            self.sh('usfm prepare busi release busi; usfm prepare folder scans pairs')

    def sh(self, text: str) -> None:
        """Run commands.

        Raises:
            ChildProcessError: One failed.
        """
        done = subprocess.run(
            ['bash', '-ec', text],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise ChildProcessError(f'{text}\n{done.stdout[-4000:]}')


def mae(width: int = 768, blocks: int = 12, hidden: int = 3072) -> dict[str, torch.Tensor]:
    """A plain ViT in the names of timm and MAE."""
    out = {
        'cls_token': torch.zeros(1, 1, width),
        'pos_embed': torch.zeros(1, 197, width),
        'patch_embed.proj.weight': torch.zeros(width, 3, 16, 16),
        'patch_embed.proj.bias': torch.zeros(width),
        'norm.weight': torch.ones(width),
        'norm.bias': torch.zeros(width),
    }
    shapes = {
        'attn.qkv': (3 * width, width),
        'attn.proj': (width, width),
        'mlp.fc1': (hidden, width),
        'mlp.fc2': (width, hidden),
    }
    for i in range(blocks):
        for name, shape in shapes.items():
            out[f'blocks.{i}.{name}.weight'] = torch.zeros(shape)
            out[f'blocks.{i}.{name}.bias'] = torch.zeros(shape[0])
        for name in ('norm1', 'norm2'):
            out[f'blocks.{i}.{name}.weight'] = torch.ones(width)
            out[f'blocks.{i}.{name}.bias'] = torch.zeros(width)
    return out
