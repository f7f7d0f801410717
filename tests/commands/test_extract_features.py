"""usfm extract-features: the vectors of the Python function, with what cannot be read told."""

import cv2
import numpy as np
import pytest
import torch

from usfm_mm.__main__ import main
from usfm_mm.apis import extract_features, load_backbone
from usfm_mm.inference.features import read_features
from usfm_mm.models import USFMViT


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    arch = dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)
    backbone = USFMViT(arch=arch, img_size=64, in_channels=3, out_type='featmap', final_norm=True)
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
    (scans / 'x.png').write_bytes(b'\x89PNG')
    with pytest.raises(SystemExit) as end:
        main(['extract-features', model, str(scans), '--out', str(out)])
    assert end.value.code == 1
    assert 'x.png' in capsys.readouterr().err


def test_errors_are_one_line(model, tmp_path, capsys):
    for arguments, text in (
        ([model, 'gone', '--out', 'a.npz'], 'gone does not exist'),
        ([model, 'gone', '--out', 'a.csv'], '.parquet or .npz'),
        ([model, 'gone', '--out', 'a.npz', '--batch-size', '0'], 'batch_size'),
    ):
        with pytest.raises(SystemExit) as end:
            main(['extract-features', *arguments])
        assert end.value.code == 1
        error = capsys.readouterr().err
        assert error.startswith('error: ')
        assert text in error
        assert error.count('\n') == 1
