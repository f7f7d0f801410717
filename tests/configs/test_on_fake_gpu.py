"""Every config's model and data preprocessor on a GPU that is not there: devices and dtypes."""

from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import PixelData

from benchmarks.fake_cuda import efficient_attention, fake_values, move
from support.downstream import ROOT, load
from usfm_mm.compat import import_mmagic
from usfm_mm.models.enhancement.frozen_extractor import extractors_apart

if torch.__version__ < '2.4':
    pytest.skip('fake tensors of torch 2.1 lack operators', allow_module_level=True)

CONFIGS = sorted(
    path.relative_to(ROOT / 'configs').as_posix()
    for folder in ('usfm', 'baselines', 'ablations')
    for path in (ROOT / 'configs' / folder).glob('*.py')
)
FUSED = 'aten._scaled_dot_product_efficient_attention'
COUNT = 2


def pretraining_batch(cfg, size):
    if cfg.model.type in ('SimMIM', 'usfm_mm.MaskedMAE'):
        from mmpretrain.structures import DataSample

        masks = [torch.zeros(size // 16, size // 16) for _ in range(COUNT)]
        samples = [DataSample() for _ in masks]
        for sample, mask in zip(samples, masks, strict=True):
            sample.set_field(mask, 'mask', field_type='data')
            sample.set_metainfo(dict(num_hidden=3 * mask.numel() // 4))  # MAE's
        return dict(inputs=torch.stack([image(size) for _ in samples]), data_samples=samples)
    pipeline = cfg.train_dataloader.dataset.pipeline
    draw = next(step for step in pipeline if 'mask_size' in step)
    side = size // draw.mask_size
    return dict(
        inputs=torch.zeros(COUNT, cfg.model.backbone.in_channels, size, size, dtype=torch.uint8),
        patch_mask=torch.zeros(COUNT, side, side, dtype=torch.bool),
        bands=torch.zeros(COUNT, draw.get('num_bands', 7), dtype=torch.bool),
        organ_id=torch.zeros(COUNT, dtype=torch.int64),
    )


def segmentation_batch(_, size):
    from mmseg.structures import SegDataSample

    shape = dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape'), (size, size))
    samples = [SegDataSample(metainfo=shape) for _ in range(COUNT)]
    for sample in samples:
        sample.gt_sem_seg = PixelData(data=torch.zeros(1, size, size, dtype=torch.int64))
    return dict(inputs=[image(size) for _ in samples], data_samples=samples)


def classification_batch(_, size):
    from mmpretrain.structures import DataSample

    samples = [DataSample().set_gt_label(0) for _ in range(COUNT)]
    return dict(inputs=torch.stack([image(size) for _ in samples]), data_samples=samples)


def table_batch(cfg, size):
    from mmpretrain.structures import DataSample

    samples = [DataSample() for _ in range(COUNT)]
    for sample in samples:
        if cfg.train_dataloader.dataset.target == 'label':
            sample.set_gt_label(0)
        else:
            sample.set_gt_score(torch.zeros(cfg.model.head.num_classes))
    frames = [torch.stack([image(size)] * (1 + number)) for number in range(COUNT)]
    return dict(inputs=frames, data_samples=samples)


def enhancement_batch(_, size):
    from mmagic.structures import DataSample

    images = {name: image(size)[None] for name in ('img_A', 'img_B')}
    return dict(inputs=images, data_samples=[DataSample()])


def image(size):
    return torch.zeros(3, size, size, dtype=torch.uint8)


BATCHES = {
    'pretrain': pretraining_batch,
    'seg': segmentation_batch,
    'cls': classification_batch,
    'table': table_batch,
    'enhance': enhancement_batch,
}


def build(name):
    """The config, and its model in full size, without its weights' files."""
    cfg = load(f'configs/{name}')
    for part in (cfg.model.get('backbone'), cfg.model.get('generator', {}).get('backbone')):
        if part is not None and part.get('init_cfg'):
            part.init_cfg = None
    if cfg.default_scope == 'mmagic':
        import_mmagic()
    init_default_scope(cfg.default_scope)
    preprocessor = cfg.model.get('data_preprocessor', cfg.get('data_preprocessor'))
    return cfg, MODELS.build(dict(cfg.model, data_preprocessor=preprocessor))


def stacked(images, *_):
    return torch.stack(images)


def train_step(name, spoil=lambda model: None):
    """A step without its backward pass: the losses, the model and what was computed."""
    # The host reads from values whether frames are of one size.
    one_size = patch('mmpretrain.models.utils.data_preprocessor.stack_batch', stacked)
    with fake_values() as values, extractors_apart(), one_size, patch('torch.Tensor.backward'):
        cfg, model = build(name)
        spoil(model)
        move(model, 'cuda')
        model.train()
        batch = BATCHES[Path(name).stem.split('_')[0]](cfg, cfg.image_size)
        MessageHub.get_current_instance().update_info('iter', 0)  # CycleGAN asks for it
        losses = model.train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))
    return losses, model, values


@pytest.mark.parametrize('name', CONFIGS)
def test_step_stays_on_the_gpu(name):
    losses, model, values = train_step(name)
    assert losses
    for key, loss in losses.items():
        assert loss.device.type == 'cuda', key
        assert loss.dtype == torch.float32, key
    assert {p.device.type for p in model.parameters()} == {'cuda'}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    if any(type(part).__name__ == 'USFMViT' for part in model.modules()):
        assert FUSED in values.operators
    if 'pretrain' in name:
        assert values.reads == 0  # the host never waits for the GPU


def forget_buffer(model):
    mean = model.data_preprocessor._buffers.pop('mean')
    model.data_preprocessor.mean = mean


def test_tensors_left_behind_are_found():
    with pytest.raises(RuntimeError, match='device'):
        train_step('usfm/pretrain_small_3mus.py', forget_buffer)


def test_attention_refuses_dtypes_as_its_kernel_does():
    query = torch.zeros(1, 1, 8, 8)
    with pytest.raises(TypeError, match='float64'):
        efficient_attention(query, query, query, torch.zeros(8, 8, dtype=torch.float64))


def test_waiting_for_values_is_found():
    def read(losses):
        return sum(loss.mean() for loss in losses.values()), {'loss': losses['loss_pixel'].item()}

    def spoil(model):
        model.parse_losses = read

    values = train_step('usfm/pretrain_small_3mus.py', spoil)[2]
    assert values.reads == 1
