"""Exported models answer as the models do, in a process without torch too."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from support.answering import CLASSIFY, SEGMENT, answering, with_card
from usfm_mm.apis import extract_features, load_backbone, load_model, segment
from usfm_mm.apis.loading import load_encoder
from usfm_mm.apis.model import LoadedModel, build
from usfm_mm.commands import describe_model, export_model
from usfm_mm.inference.onnx_model import OnnxModel
from usfm_mm.io.card import Card
from usfm_mm.models import export_graph
from usfm_mm.models.checkpoints.files import CheckpointError
from usfm_mm.models.export import export_onnx
from usfm_mm.models.export_graph import pooling_matrix

pytest.importorskip('onnx')
ROOT = Path(__file__).resolve().parents[2]
SPECKLE = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), np.uint8)
PICTURE = np.random.default_rng(1).integers(0, 256, (70, 90), np.uint8)
WITHOUT_TORCH = """
import sys
sys.modules['torch'] = sys.modules['mmengine'] = None
import numpy as np
from usfm_mm.apis import load_model, segment
file, picture, out = sys.argv[1:]
[answer] = segment(load_model(file), np.load(picture), flip=True)
np.save(out, answer.probabilities)
"""


@pytest.fixture(scope='module')
def segmenter(tmp_path_factory):
    return with_card(answering(SEGMENT, tmp_path_factory.mktemp('seg'))[0])


@pytest.fixture
def pretrained(tiny_config):
    config = dict(model=tiny_config.model.to_dict())
    card = Card('pretrain', 'tiny', (64, 64), 1, [100.0], [50.0], config=config)
    module = build(card)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return LoadedModel(card, module)


def test_segmentation(segmenter, tmp_path):
    file = tmp_path / 'a.onnx'
    assert export_onnx(segmenter, file, SPECKLE) < 1e-5
    exported = load_model(file)
    assert exported.card == segmenter.card
    for images in (SPECKLE, SPECKLE[:1], np.concatenate([SPECKLE] * 2)):
        np.testing.assert_allclose(exported(images), segmenter(images), atol=1e-5)
    [expected], [found] = (list(segment(m, PICTURE, flip=True)) for m in (segmenter, exported))
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    assert found.mask.shape == (70, 90)
    np.save(tmp_path / 'picture.npy', PICTURE)
    paths = [file, tmp_path / 'picture.npy', tmp_path / 'out.npy']
    command = [sys.executable, '-c', WITHOUT_TORCH, *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_array_equal(np.load(tmp_path / 'out.npy'), found.probabilities)


def test_classification(tmp_path):
    model = with_card(answering(CLASSIFY, tmp_path / 'data')[0])
    export_onnx(model, tmp_path / 'a.onnx', SPECKLE)
    np.testing.assert_allclose(load_model(tmp_path / 'a.onnx')(SPECKLE), model(SPECKLE), atol=1e-6)


def test_encoder(pretrained, tmp_path, capsys):
    card = pretrained.card
    content = {
        'meta': {'usfm_card': card.to_dict()},
        'state_dict': pretrained.module.state_dict(),
    }
    torch.save(content, tmp_path / 'a.pth')
    export_model.main([str(tmp_path / 'a.pth'), str(tmp_path / 'a.onnx')])
    with pytest.raises(ValueError, match=r'a\.onnx exists'):
        export_model.main([str(tmp_path / 'a.pth'), str(tmp_path / 'a.onnx')])
    describe_model.main([str(tmp_path / 'a.onnx')])
    assert 'images               64 x 64 pixels, 1 channel(s)' in capsys.readouterr().out
    with pytest.raises(CheckpointError, match=r'a\.onnx is an exported model'):
        load_backbone(tmp_path / 'a.onnx')
    exported = load_model(tmp_path / 'a.onnx')
    expected = extract_features(load_backbone(tmp_path / 'a.pth'), [PICTURE, PICTURE[::-1]])
    found = extract_features(exported, [PICTURE, PICTURE[::-1]])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert exported.features == exported.card.features == 'mean+std'
    assert load_encoder(str(tmp_path / 'a.onnx'), features='mean+std').features == 'mean+std'
    with pytest.raises(ValueError, match="gives features 'mean.std', not 'mean'"):
        load_encoder(str(tmp_path / 'a.onnx'), features='mean')
    with pytest.raises(ValueError, match='gives no answers of its own'):
        exported(SPECKLE[:, :1])
    with pytest.raises(ValueError, match='cannot reconstruct'):
        exported.rebuild(SPECKLE[:, :1], None, None)


@pytest.mark.parametrize(('length', 'wanted'), [(3, 6), (7, 3), (14, 2), (5, None)])
def test_pooling_is_adaptive_pooling(length, wanted):
    x = torch.randn(2, 3, length, length, dtype=torch.float64)
    matrix = pooling_matrix(length, wanted).double()
    expected = torch.nn.functional.adaptive_avg_pool2d(x, (wanted, wanted))
    torch.testing.assert_close(matrix @ x @ matrix.T, expected, rtol=1e-6, atol=1e-7)


def test_a_file_that_differs_is_not_kept(segmenter, tmp_path, monkeypatch):
    monkeypatch.setattr(
        OnnxModel,
        'answer',
        lambda self, images: self._session.run(None, {'images': images})[0] + 0.01,
    )
    with pytest.raises(ValueError, match=r'a\.onnx: the exported file differs .* by 0\.01'):
        export_onnx(segmenter, tmp_path / 'a.onnx', SPECKLE)
    assert list(tmp_path.iterdir()) == []


def test_what_stands_for_a_part_is_compared_with_the_part(segmenter, tmp_path, monkeypatch):
    monkeypatch.setattr(
        export_graph, 'pooling_matrix', lambda length, wanted: 2 * pooling_matrix(length, wanted)
    )
    with pytest.raises(ValueError, match=r'a\.onnx: the exported file differs from the model'):
        export_onnx(segmenter, tmp_path / 'a.onnx', SPECKLE)


def test_files_that_are_none(segmenter, tmp_path):
    import onnx

    (tmp_path / 'a.onnx').write_bytes(b'nothing')
    with pytest.raises(ValueError, match=r'a\.onnx cannot be read as an ONNX file'):
        load_model(tmp_path / 'a.onnx')
    with pytest.raises(FileNotFoundError, match=r'b\.onnx'):
        load_model(tmp_path / 'b.onnx')
    export_onnx(segmenter, tmp_path / 'c.onnx', SPECKLE)
    proto = onnx.load(tmp_path / 'c.onnx')
    assert json.loads(proto.metadata_props[0].value)['task'] == 'segment'
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / 'c.onnx')
    with pytest.raises(ValueError, match=r'c\.onnx has no card'):
        load_model(tmp_path / 'c.onnx')
    with pytest.raises(ValueError, match='ends in .onnx'):
        export_model.main(['a.pth', 'a.pt'])
