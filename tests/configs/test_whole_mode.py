"""mmseg's own models that validate whole images, with our encoder, on images of any size."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from usfm_mm.compat import find_mmseg_configs, import_mmseg, quiet_imports

if find_spec('mmseg') is None:
    pytest.skip('mmseg is not installed', allow_module_level=True)

FOLDER = Path(find_spec('mmseg').origin).parent / '.mim/configs/_base_/models'
DIM = 24
ENCODER = dict(
    type='usfm_mm.USFMViT',
    arch=dict(embed_dims=DIM, num_layers=4, num_heads=3, feedforward_channels=DIM),
    img_size=64,
    out_type='featmap',
    out_indices=[0, 1, 2, 3],
)
PYRAMID = dict(type='Feature2Pyramid', embed_dim=DIM, rescales=[4, 2, 1, 0.5])
# Backbones that their heads, or these backbones' own decoders, cannot do without.
OF_THEIR_OWN = {
    'BiSeNetV1', 'BiSeNetV2', 'CGNet', 'ERFNet', 'FastSCNN', 'HRNet', 'ICNet', 'MobileNetV3',
    'STDCContextPathNet', 'UNet', 'VPD', 'DeitIII',
}  # fmt: skip
# They need compiled operators, or (FastFCN) maps of four strides and a neck of their own.
LEFT_OUT = {'ccnet_r50-d8', 'psanet_r50-d8', 'pointrend_r50', 'fastfcn_r50-d32_jpu_psp'}


def takes_it(file):
    model = Config.fromfile(file).model
    whole = model.get('test_cfg', {}).get('mode') == 'whole' and file.stem not in LEFT_OUT
    return whole and 'backbone' in model and model.backbone.type not in OF_THEIR_OWN


FILES = [file for file in sorted(FOLDER.glob('*.py')) if takes_it(file)]


def narrow(node):
    """Widths of the encoder's four maps, few channels, and batch norm that runs on a CPU."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        if key in ('in_channels', 'c1_in_channels'):
            node[key] = [DIM] * len(value) if isinstance(value, (list, tuple)) else DIM
        elif key == 'mla_channels':  # of each of four maps
            node[key] = DIM // 4
        elif key in ('channels', 'c1_channels', 'out_channels', 'embed_dim', 'embed_dims'):
            node[key] = DIM
        elif value == 'SyncBN':
            node[key] = 'BN'
        elif isinstance(value, (dict, list)):
            narrow(value)


@pytest.fixture(scope='module', autouse=True)
def host():
    quiet_imports()
    find_mmseg_configs()
    import_mmseg()
    init_default_scope('mmseg')


def test_many_are_tried():
    assert len(FILES) > 25


@pytest.mark.parametrize('file', FILES, ids=lambda file: file.stem)
def test_an_image_that_no_patch_divides(file):
    from mmseg.structures import SegDataSample

    cfg = Config.fromfile(file)
    pairs = 'DPTHead' in str(cfg.model.decode_head)
    narrow(cfg.model)
    cfg.model.backbone = dict(ENCODER, output_cls_token=pairs)
    cfg.model.pretrained = None
    if cfg.model.get('neck') is None and not re.match('dpt|setr|.*-d8', file.stem):
        cfg.model.neck = PYRAMID  # the others take maps of one stride
    model = MODELS.build(cfg.model).eval()
    shape = dict(img_shape=(137, 128), ori_shape=(137, 128))
    image = torch.randint(0, 256, (3, 137, 128), dtype=torch.uint8)
    data = dict(inputs=[image], data_samples=[SegDataSample(metainfo=shape)])
    with torch.no_grad():
        (answer,) = model.test_step(data)
    assert answer.pred_sem_seg.data.shape == (1, 137, 128)
    assert answer.seg_logits.data.isfinite().all()
