"""Any host's config finds our parts by prefix alone, in a fresh interpreter."""

import subprocess
import sys

import pytest

from usfm_mm.compat import import_mmseg

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
    program = PROGRAM.format(host=host)
    if host == 'mmseg':  # the official one asks for a compiled mmcv
        program = 'from usfm_mm.compat import import_mmseg\nimport_mmseg()\n' + program
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
            'MAEViT',
            'MAEDecoder',
            'MaskedMAE',
            'FocalFrequencyLoss',
            'USFMResnetGenerator',
        ],
        host.TRANSFORMS: [
            'SpatialMeanMask',
            'BandStopMask',
            'CountHidden',
            'DrawDualMask',
            'RandomAffineCrop',
            'RandomBrightnessContrast',
            'RandomGaussianBlur',
            'PackUltrasound',
            'LoadImagePair',
        ],
        host.DATASETS: ['UltrasoundDataset', 'EnhancementDataset'],
        host.DATA_SAMPLERS: ['OrganBalancedSampler'],
        host.METRICS: [
            'ReconstructionMetric',
            'PerImageSegMetric',
            'BootstrapClsMetric',
            'EnhancementMetric',
        ],
        host.LOOPS: ['ResumableEpochTrainLoop'],
        host.HOOKS: [
            'ReconstructionHook',
            'EnhancementHook',
            'ThroughputHook',
            'EmbeddingHook',
            'SummaryHook',
            'IterationSeedHook',
            'ImageBufferHook',
            'SafeCheckpointHook',
            'TestReportHook',
        ],
        host.OPTIM_WRAPPERS: ['BF16OptimWrapper', 'SyncedOptimWrapper'],
        host.OPTIM_WRAPPER_CONSTRUCTORS: ['LayerDecayOptimWrapperConstructor'],
        host.MODEL_WRAPPERS: ['SyncedGAN'],
        host.RUNNERS: ['QuietRunner', 'QuietFlexibleRunner'],
    }
    for parent, parts in names.items():
        for name in parts:
            assert parent.get(f'usfm_mm.{name}').__name__ == name


def test_stock_upernet_trains_on_our_features():
    import_mmseg()
    import torch
    from mmengine.registry import MODELS, DefaultScope
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    config = dict(
        type='EncoderDecoder',
        data_preprocessor=dict(type='SegDataPreProcessor'),
        backbone=dict(
            type='usfm_mm.USFMViT',
            arch=dict(embed_dims=48, num_layers=4, num_heads=3, feedforward_channels=96),
            img_size=64,
            out_type='featmap',
            out_indices=[0, 1, 2, 3],
        ),
        decode_head=dict(
            type='UPerHead',
            in_channels=[48] * 4,
            in_index=[0, 1, 2, 3],
            channels=16,
            num_classes=2,
            norm_cfg=dict(type='BN'),
            align_corners=False,
        ),
        test_cfg=dict(mode='whole'),
    )
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(config)
    sample = SegDataSample(metainfo=dict(img_shape=(64, 64)))
    sample.gt_sem_seg = PixelData(data=torch.randint(0, 2, (1, 64, 64)))
    losses = model(torch.randn(2, 3, 64, 64), [sample, sample], mode='loss')
    losses['decode.loss_ce'].backward()
    gradient = model.backbone.patch_embed.projection.weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0
