"""Programs of torch.export answer as the models do, in a process without OpenMMLab too."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from support.answering import pretrained
from usfm_mm.apis import extract_features, load_backbone, load_model, segment
from usfm_mm.apis.program_model import check_torch
from usfm_mm.commands import describe_model, export_model
from usfm_mm.inference.frames import frames_of
from usfm_mm.inference.prepare import prepare
from usfm_mm.models.checkpoints.files import CheckpointError
from usfm_mm.models.export_program import export_program

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / 'models' / 'sample_fetal_head.png'
HEAD = ROOT / 'models' / 'demo_fetal_head.safetensors'
NEW = tuple(int(part) for part in torch.__version__.split('.')[:2]) >= (2, 6)
needs_new_torch = pytest.mark.skipif(not NEW, reason='torch.export needs torch 2.6')
WITHOUT_HOSTS = """
import sys
for name in ('mmengine', 'mmcv', 'mmpretrain', 'mmseg'):
    sys.modules[name] = None
from usfm_mm.apis import load_model, segment
"""


@pytest.fixture(scope='module')
def program(tmp_path_factory):
    """The demonstration head as a program, and what the command said."""
    file = tmp_path_factory.mktemp('program') / 'head.pt2'
    options = ['--format', 'torch-export', '--pictures', str(SAMPLE)]
    export_model.main([str(HEAD), str(file), *options])
    return file


@needs_new_torch
def test_answers_are_those_of_the_model(program, capsys):
    exported, model = load_model(program), load_model(HEAD)
    assert exported.card == model.card
    [frame] = frames_of(SAMPLE)
    image = prepare(frame.pixels, model.card)
    images = np.stack([image, image[:, ::-1], image[..., ::-1], 255 - image, image])
    for batch in (images, images[:1], images[:2]):  # any number at once
        np.testing.assert_allclose(exported(batch), model(batch), atol=1e-5)
    [expected], [found] = (list(segment(m, SAMPLE, flip=True)) for m in (model, exported))
    assert found.mask.shape == (216, 320)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    describe_model.main([str(program)])
    assert 'images               112 x 112 pixels, 3 channel(s)' in capsys.readouterr().out
    with pytest.raises(CheckpointError, match=r'head\.pt2 is an exported model'):
        load_backbone(program)


@needs_new_torch
def test_the_file_tells_nothing_of_this_machine_and_no_picture(program):
    with zipfile.ZipFile(program) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert any(name.endswith('usfm_card.json') for name in content)
    assert not any(str(ROOT).encode() in data for data in content.values())
    assert not any(b'site-packages' in data for data in content.values())
    assert [len(d) for name, d in content.items() if 'sample_inputs' in name] in ([], [0])


@needs_new_torch
def test_an_encoder(tmp_path):
    arch = dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)
    model = pretrained(arch, (64, 64))
    images = np.random.default_rng(0).integers(0, 256, (2, 1, 64, 64), np.uint8)
    assert export_program(model, tmp_path / 'a.pt2', images) < 1e-5
    exported = load_model(tmp_path / 'a.pt2')
    found, expected = (extract_features(m, SAMPLE) for m in (exported, model))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ValueError, match='gives no answers of its own'):
        exported(images)


@needs_new_torch
def test_files_that_are_none(tmp_path):
    (tmp_path / 'a.pt2').write_bytes(b'nothing')
    with pytest.raises(ValueError, match=r'a\.pt2 cannot be read as an exported program'):
        load_model(tmp_path / 'a.pt2')
    with pytest.raises(FileNotFoundError, match=r'b\.pt2'):
        load_model(tmp_path / 'b.pt2')
    torch.export.save(
        torch.export.export(torch.nn.Identity(), (torch.zeros(2),)), tmp_path / 'c.pt2'
    )
    with pytest.raises(ValueError, match=r'c\.pt2 has no card'):
        load_model(tmp_path / 'c.pt2')


@pytest.mark.skipif(NEW, reason='torch is new enough')
def test_an_old_torch_is_refused_with_the_reason(tmp_path):
    target = tmp_path / 'a.pt2'
    with pytest.raises(ValueError, match=r'torch 2\.6 or later.* take --format onnx'):
        export_model.main([str(HEAD), str(target), '--format', 'torch-export'])
    assert not target.exists()
    target.write_bytes(b'program')
    with pytest.raises(ValueError, match=r'a\.pt2: programs of torch\.export need torch 2\.6'):
        load_model(target)


def test_the_version_is_compared_by_numbers(monkeypatch):
    monkeypatch.setattr(torch, '__version__', '2.10.0+cpu')
    check_torch('a.pt2')
    monkeypatch.setattr(torch, '__version__', '2.5.1')
    with pytest.raises(ValueError, match=r'this is 2\.5\.1'):
        check_torch('a.pt2')


@needs_new_torch
def test_without_openmmlab(program, tmp_path):
    text = WITHOUT_HOSTS + '[answer] = segment(load_model(sys.argv[1]), sys.argv[2])\n'
    text += 'print(answer.areas_px["head"])\n'
    done = subprocess.run(
        [sys.executable, '-c', text, str(program), str(SAMPLE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) == pytest.approx(13317, rel=0.01)
