"""The configs of docs/drop_in.md, each built of the host's own config, trained and asked.

Width and image size are reduced; depth and everything else are the config's. Configs that need
mmdetection run in a process of their own, where mmcv's stand-in comes first.
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData, PixelData

from usfm_mm.compat import (
    find_mmseg_configs,
    import_mmseg,
    quiet_imports,
)

PAGE = Path(__file__).resolve().parents[1] / 'docs' / 'drop_in.md'
CONFIGS = {
    name: text
    for text, name in re.findall(
        r'^```python\n(# (\w+)\.py\n.*?)^```', PAGE.read_text(), re.M | re.S
    )
}
OF_MMDET = {'seg_mask2former', 'det_retinanet', 'det_detr'}
HEIGHT, WIDTH = 64, 96
COLOURS = torch.tensor([[[30]], [[110]], [[200]]])  # far apart, so that a few steps learn them

needs_mmdet = pytest.mark.skipif(find_spec('mmdet') is None, reason='mmdet is not installed')


def load(name, folder):
    """Config of the page, with a narrow encoder that starts from nothing."""
    file = Path(folder) / f'{name}.py'
    file.write_text(CONFIGS[name])
    cfg = Config.fromfile(file)
    assert cfg.model.backbone.init_cfg.checkpoint == 'USFM_latest.pth'
    narrow(cfg.model)
    cfg.model.backbone.update(
        arch=dict(embed_dims=48, num_layers=12, num_heads=3, feedforward_channels=96),
        init_cfg=None,
    )
    if cfg.default_scope == 'mmseg':
        cfg.model.data_preprocessor.size = (HEIGHT, WIDTH)
        if cfg.model.test_cfg.mode == 'slide':
            cfg.model.test_cfg.update(crop_size=(HEIGHT, HEIGHT), stride=(32, 32))
    return cfg


def narrow(node):
    """Replace the width 768 by 48, and SyncBN, which does not train on a CPU, by BN."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        if isinstance(value, (dict, list)):
            narrow(value)
        elif value == 768:
            node[key] = 48
        elif value == 'SyncBN':
            node[key] = 'BN'


def build(cfg):
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    # In mmpretrain's configs it stands beside the model, and the runner puts it in.
    preprocessor = cfg.model.get('data_preprocessor') or cfg.data_preprocessor
    return MODELS.build(dict(cfg.model, data_preprocessor=preprocessor))


def batch(scope):
    """Two images whose left and right halves differ in colour, and the host's labels for them."""
    inputs, samples = [], []
    generator = torch.Generator().manual_seed(0)
    for n in range(2):
        label = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.long)
        label[..., WIDTH // 2 :] = n + 1
        noise = torch.randint(-9, 10, (3, HEIGHT, WIDTH), generator=generator)
        inputs.append((COLOURS[label[0], 0, 0] + noise).to(torch.uint8))
        shape = dict(img_shape=(HEIGHT, WIDTH), ori_shape=(HEIGHT, WIDTH))
        if scope == 'mmseg':
            from mmseg.structures import SegDataSample

            sample = SegDataSample(metainfo=shape, gt_sem_seg=PixelData(data=label))
        elif scope == 'mmpretrain':
            from mmpretrain.structures import DataSample

            sample = DataSample(metainfo=shape).set_gt_label(n + 1)
        else:
            from mmdet.structures import DetDataSample

            shape.update(batch_input_shape=(HEIGHT, WIDTH), scale_factor=(1.0, 1.0))
            sample = DetDataSample(metainfo=shape)
            box = torch.tensor([[WIDTH / 2, 0, WIDTH, HEIGHT]])
            sample.gt_instances = InstanceData(bboxes=box, labels=torch.tensor([n + 1]))
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def train(cfg, model, steps):
    """Losses of the first and of the last step on one batch; every weight must have moved.

    The optimizer, its groups and its clipping are the config's; only the rate is ours.
    """
    settings = cfg.optim_wrapper
    settings.optimizer.update(type='AdamW', lr=2e-3)
    for key in ('momentum', 'nesterov'):
        settings.optimizer.pop(key, None)
    wrapper = build_optim_wrapper(model, settings)
    start = {key: value.clone() for key, value in model.named_parameters()}
    torch.manual_seed(1)
    model.train()
    losses = [
        float(model.train_step(batch(cfg.default_scope), wrapper)['loss']) for _ in range(steps)
    ]
    still = [key for key, value in model.named_parameters() if torch.equal(value, start[key])]
    still = [key for key in still if model.get_parameter(key).requires_grad]
    assert not still, f'not trained: {still}'
    return losses[0], losses[-1]


def train_and_ask(name, folder):
    """Train a config of the page and return the model's predictions on the batch."""
    cfg = load(name, folder)
    model = build(cfg)
    first, last = train(cfg, model, steps=8)
    assert last < 0.9 * first, f'{name}: loss from {first} to {last}'
    model.eval()
    with torch.no_grad():
        return model, model.test_step(batch(cfg.default_scope))


@pytest.fixture(scope='module', autouse=True)
def hosts():
    quiet_imports()
    find_mmseg_configs()
    if find_spec('mmseg') is None:
        pytest.skip('mmseg is not installed')
    import_mmseg()


def test_the_page_has_a_config_of_every_kind():
    assert set(CONFIGS) == OF_MMDET | {
        'seg_beit_upernet',
        'seg_segformer_head',
        'cls_beit',
        'cls_resnet',
    }


@pytest.mark.parametrize('name', ['seg_beit_upernet', 'seg_segformer_head'])
def test_segmentation(name, tmp_path):
    model, samples = train_and_ask(name, tmp_path)
    batch_ = model.data_preprocessor(batch('mmseg'), False)
    with torch.no_grad():
        # Strides 4, 8, 16, 32 of the pyramid.
        maps = model.extract_feat(batch_['inputs'])
        assert [tuple(x.shape[-2:]) for x in maps] == [(16, 24), (8, 12), (4, 6), (2, 3)]
        if model.test_cfg.mode == 'whole':
            logits = model.decode_head(maps)
            logits = torch.nn.functional.interpolate(logits, (HEIGHT, WIDTH), mode='bilinear')
            for sample, expected in zip(samples, logits.argmax(1), strict=True):
                assert torch.equal(sample.pred_sem_seg.data[0], expected)
    for sample in samples:
        assert sample.pred_sem_seg.data.shape == (1, HEIGHT, WIDTH)


def test_whole_images_of_any_size(tmp_path):
    """As mmseg validates in mode 'whole': an image keeps its own size."""
    cfg = load('seg_segformer_head', tmp_path)
    cfg.model.data_preprocessor.size = None
    cfg.model.test_cfg = dict(mode='whole')
    model = build(cfg)
    model.eval()
    data = batch('mmseg')
    image = torch.nn.functional.interpolate(data['inputs'][0][None], (137, 128))[0]
    sample = data['data_samples'][0]
    sample.set_metainfo(dict(img_shape=(137, 128), ori_shape=(137, 128)))
    with torch.no_grad():
        (result,) = model.test_step(dict(inputs=[image], data_samples=[sample]))
    assert result.pred_sem_seg.data.shape == (1, 137, 128)


@pytest.mark.parametrize('name', ['cls_beit', 'cls_resnet'])
def test_classification(name, tmp_path):
    model, samples = train_and_ask(name, tmp_path)
    images = model.data_preprocessor(batch('mmpretrain'), False)['inputs']
    with torch.no_grad():
        features = model.backbone(images)[-1]
        if features.ndim == 4:
            features = features.mean((2, 3))
        expected = model.head.fc(features).softmax(1)
    for sample, score in zip(samples, expected, strict=True):
        torch.testing.assert_close(sample.pred_score, score)
    if name == 'cls_resnet':
        assert [int(sample.pred_label) for sample in samples] == [1, 2]


@pytest.mark.parametrize('name', ['seg_beit_upernet', 'cls_beit'])
def test_layer_decay_of_0_65(name, tmp_path):
    cfg = load(name, tmp_path)
    model = build(cfg)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    base = cfg.optim_wrapper.optimizer.lr
    rate = {
        id(parameter): group['lr']
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }
    seen = set()
    for key, parameter in model.named_parameters():
        block = re.match(r'backbone\.layers\.(\d+)\.', key)
        if block:
            power = 12 - int(block[1])
        elif key.startswith(('backbone.patch_embed', 'backbone.cls', 'backbone.rel_pos_bias')):
            power = 13
        else:
            power = 0
        seen.add(power)
        assert rate[id(parameter)] == pytest.approx(base * 0.65**power), key
    assert seen == set(range(14))


IN_A_PROCESS = """
import sys
from usfm_mm.compat import stand_in_for_compiled_ops
without = stand_in_for_compiled_ops()
import test_drop_in
test_drop_in.of_mmdet(sys.argv[1], sys.argv[2], without)
"""


def of_mmdet(name, folder, without_operators):
    """Run by test_with_mmdetection, in its own process."""
    quiet_imports()
    find_mmseg_configs()
    import_mmseg()
    if name == 'det_retinanet' and without_operators:
        cfg = load(name, folder)
        model = build(cfg)
        first, last = train(cfg, model, steps=8)
        assert last < 0.9 * first, (first, last)
        model.eval()
        model.bbox_head.test_cfg.score_thr = 0.0
        with torch.no_grad(), pytest.raises(RuntimeError, match='nms needs compiled mmcv'):
            model.test_step(batch('mmdet'))
        return
    _, samples = train_and_ask(name, folder)
    for sample in samples:
        if name.startswith('seg'):
            assert sample.pred_sem_seg.data.shape == (1, HEIGHT, WIDTH)
        else:
            boxes = sample.pred_instances.bboxes
            assert len(boxes)
            assert boxes.min() >= 0
            assert boxes.max() <= WIDTH


@needs_mmdet
@pytest.mark.parametrize('name', sorted(OF_MMDET))
def test_with_mmdetection(name, tmp_path):
    path = os.pathsep.join([*map(str, (Path(__file__).parent, PAGE.parents[1])), *sys.path])
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', IN_A_PROCESS, name, str(tmp_path)],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=path),
    )
    assert done.returncode == 0, done.stderr[-3000:]
