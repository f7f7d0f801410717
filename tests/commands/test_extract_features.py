"""usfm extract-features: the vectors of the Python function, with what cannot be read told."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from support.answering import pretrained
from usfm_mm.__main__ import main
from usfm_mm.apis import extract_features, load_backbone, load_model
from usfm_mm.inference.features import FeatureTable, read_features, write_features
from usfm_mm.inference.sources import Listing
from usfm_mm.inference.told import tell_others
from usfm_mm.models import USFMViT
from usfm_mm.models.export import export_onnx

ARCH = dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)
SAVING = """
import sys
sys.modules['torch'] = None
from usfm_mm.__main__ import main
from usfm_mm.inference import many_features
many_features.extract_to_file.__defaults__ = (0.0,)  # saves after each group, not each minute
main(sys.argv[1:])
"""


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    backbone = USFMViT(arch=ARCH, img_size=64, in_channels=3, out_type='featmap', final_norm=True)
    backbone.init_weights()
    state = {f'backbone.{key}': value for key, value in backbone.state_dict().items()}
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'model.pth')
    return str(tmp_path / 'model.pth')


def test_features_of_a_folder(model, tmp_path, capsys):
    scans = tmp_path / 'scans'
    scans.mkdir()
    rng = np.random.default_rng(0)
    paths = [str(scans / f'{n}.png') for n in range(3)]
    for path in paths:
        cv2.imwrite(path, rng.integers(0, 256, (50, 70), np.uint8))
    (scans / 'notes.txt').write_text('no picture')
    out = tmp_path / 'new' / 'f.parquet'
    main(['extract-features', model, str(scans), '--out', str(out)])
    assert capsys.readouterr().err.count('1 files are no pictures: notes.txt') == 1
    table = read_features(out)
    assert table.sources == paths
    expected = extract_features(load_backbone(model), scans)
    np.testing.assert_allclose(table.vectors, expected, atol=1e-5)
    assert table.about['features'] == 'mean+std'
    older = {key: value for key, value in table.about.items() if key != 'features'}
    former = FeatureTable(table.vectors[:1, :48], paths[:1], [0], older)
    write_features(tmp_path / 'older.npz', former)
    with pytest.raises(SystemExit):  # a file of the mean alone is not added to
        main(['extract-features', model, str(scans), '--out', str(tmp_path / 'older.npz')])
    assert 'of other features (mean)' in capsys.readouterr().err
    (scans / 'x.png').write_bytes(b'\x89PNG')
    with pytest.raises(SystemExit) as end:
        main(['extract-features', model, str(scans), '--out', str(out)])
    assert end.value.code == 1
    assert 'x.png' in capsys.readouterr().err


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_killed_and_run_again_gives_the_same_file_without_torch(tmp_path):
    pytest.importorskip('onnx')
    rng = np.random.default_rng(0)
    encoder = pretrained(ARCH, (64, 64))
    model = tmp_path / 'encoder.onnx'
    export_onnx(encoder, model, rng.integers(0, 256, (2, 1, 64, 64), np.uint8))
    scans = tmp_path / 'scans'
    scans.mkdir()
    for n in range(40):
        cv2.imwrite(str(scans / f'{n:02d}.png'), rng.integers(0, 256, (300, 400), np.uint8))

    def start(folder):
        folder.mkdir(exist_ok=True)
        command = [sys.executable, '-c', SAVING, 'extract-features', str(model), str(scans)]
        options = ['--out', str(folder / 'f.npz'), '--batch-size', '2']
        return subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)

    whole, out = tmp_path / 'whole', tmp_path / 'out'
    assert start(whole).wait() == 0
    process = start(out)
    while process.poll() is None and not (out / 'f.npz').is_file():
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < len(read_features(out / 'f.npz').sources) < 40
    (out / '.f.npz.0f.tmp').write_bytes(b'half')  # as the kill may leave it
    assert start(out).wait() == 0
    assert contents(out) == contents(whole)
    table = read_features(out / 'f.npz')
    assert len(table.sources) == 40
    np.testing.assert_allclose(table.vectors, extract_features(encoder, scans), atol=1e-5)
    np.testing.assert_allclose(
        table.vectors, extract_features(load_model(model), scans, batch_size=3), atol=1e-5
    )


def test_a_model_without_features_is_refused(tmp_path, capsys):
    from types import SimpleNamespace

    from usfm_mm.apis.model import LoadedModel

    enhancer = LoadedModel(
        SimpleNamespace(
            task='enhance', image_size=(8, 8), channels=1, kind='class', clip_frames=None
        ),
        None,
    )
    with pytest.raises(ValueError, match="for 'enhance' gives no features"):
        extract_features(enhancer, np.zeros((8, 8), np.uint8))


def test_images_of_16_bits_are_scaled_alike(model, tmp_path, capsys):
    scans = tmp_path / 'scans'
    scans.mkdir()
    dark = np.random.default_rng(0).integers(0, 1000, (50, 70), np.uint16)
    cv2.imwrite(str(scans / 'dark.png'), dark)
    cv2.imwrite(str(scans / 'light.png'), dark * 4)
    main(['extract-features', model, str(scans), '--out', str(tmp_path / 'f.npz')])
    assert '12 bits are used' in capsys.readouterr().err
    expected = [np.uint8(np.rint(image * np.float32(255 / 4095))) for image in (dark, dark * 4)]
    expected = extract_features(load_backbone(model), expected)
    np.testing.assert_allclose(
        read_features(tmp_path / 'f.npz').vectors, expected, rtol=1e-4, atol=1e-5
    )


def test_errors_are_one_line(model, tmp_path, capsys):
    for arguments, text in (
        ([model, 'gone', '--out', 'a.npz'], 'gone does not exist'),
        ([model, 'gone', '--out', 'a.csv'], '.parquet or .npz'),
        ([model, model, '--out', f'{model}/a.npz'], 'cannot be written to (Not a directory)'),
        ([model, 'gone', '--out', 'a.npz', '--batch-size', '0'], 'batch_size'),
    ):
        with pytest.raises(SystemExit) as end:
            main(['extract-features', *arguments])
        assert end.value.code == 1
        error = capsys.readouterr().err
        assert error.startswith('error: ')
        assert text in error
        assert error.count('\n') == 1


def test_masks_among_the_pictures_are_told(capsys):
    names = ['1.png', '1_mask.gif', '2.png', '2_mask.gif']
    tell_others(Listing([Path(name) for name in names], []))
    assert '2 files seem to be masks of others (1_mask)' in capsys.readouterr().err
    tell_others(Listing([Path(name) for name in (*names[::2], 'mask.png')], []))
    assert not capsys.readouterr().err
