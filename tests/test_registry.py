"""Any host's config finds our parts by prefix alone, in a fresh interpreter."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from mmengine.registry import init_default_scope
from {host}.registry import MODELS
init_default_scope('{host}')
model = MODELS.build(dict(type='usfm_mm.USFMViT', arch='tiny'))
assert type(model).__module__ == 'usfm_mm.models.usfm_vit'
foreign = [m for m in ('mmseg', 'mmagic') if m in sys.modules and m != '{host}']
print('imported besides:', foreign)
"""


@pytest.mark.parametrize('host', ['mmpretrain', 'mmseg'])
def test_prefix_is_enough(host):
    if host == 'mmseg':
        pytest.importorskip('mmseg')
    program = PROGRAM.format(host=host)
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'imported besides: []' in done.stdout


def test_every_registered_part_is_found():
    from mmengine import registry as host

    names = {
        host.MODELS: [
            'USFMViT',
            'USFMPretrainer',
            'DualMaskDataPreprocessor',
            'SimMIMViT',
            'FocalFrequencyLoss',
        ],
        host.TRANSFORMS: [
            'SpatialMeanMask',
            'BandStopMask',
            'DrawDualMask',
            'RandomAffineCrop',
            'RandomBrightnessContrast',
            'RandomGaussianBlur',
            'PackUltrasound',
        ],
        host.DATASETS: ['UltrasoundDataset'],
        host.DATA_SAMPLERS: ['OrganBalancedSampler'],
        host.METRICS: ['ReconstructionMetric'],
        host.LOOPS: ['ResumableEpochTrainLoop'],
        host.HOOKS: [
            'ReconstructionHook',
            'ThroughputHook',
            'EmbeddingHook',
            'SummaryHook',
            'IterationSeedHook',
            'SafeCheckpointHook',
        ],
        host.OPTIM_WRAPPERS: ['BF16OptimWrapper'],
        host.RUNNERS: ['QuietRunner', 'QuietFlexibleRunner'],
    }
    for parent, parts in names.items():
        for name in parts:
            assert parent.get(f'usfm_mm.{name}').__name__ == name
