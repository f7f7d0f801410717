"""usfm serve: what it says before it serves."""

import logging

import numpy as np
import pytest

pytest.importorskip('gradio')
from usfm_mm.__main__ import main
from usfm_mm.commands.serve import demo_models, load
from usfm_mm.inference.features import FeatureTable, write_features
from usfm_mm.io.hashing import sha256
from usfm_mm.page import server


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    for name in ('GRADIO_TEMP_DIR', 'MPLCONFIGDIR'):
        monkeypatch.setenv(name, '')


def error_of(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(['serve', *arguments])
    assert end.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_demonstration_models_by_default(project_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [path.rpartition('/')[2] for path in demo_models()]
    assert names[:2] == ['demo_encoder.safetensors', 'demo_fetal_head.safetensors']
    models, index = load(demo_models()[:2], None, 'cpu')
    assert [one.model.card.task for one in models] == ['pretrain', 'segment']
    assert (models[0].name, index) == ('demo_encoder', None)


def test_errors_are_one_line(project_root, tmp_path, capsys):
    model = str(project_root / 'models' / 'demo_encoder.safetensors')
    assert error_of(capsys, 'gone.pth').startswith('error: gone.pth: no such')
    assert error_of(capsys, model, '--max-upload-mb', '0').startswith('error: --max-upload-mb')
    index = str(tmp_path / 'other.npz')
    table = FeatureTable(np.ones((1, 2), np.float32), ['a'], [0], dict(model='another'))
    write_features(index, table)
    assert f'--index {index}: made by none of {model}' in error_of(capsys, model, '--index', index)
    assert 'give another --port' in error_of(capsys, model, '--port', '70000')


def test_an_older_index_is_asked_with_the_features_it_has(project_root, tmp_path):
    model = str(project_root / 'models' / 'demo_encoder.safetensors')
    about = dict(model=sha256(model))
    for note, kind in (({}, 'mean'), (dict(features='mean+std'), 'mean+std')):
        table = FeatureTable(np.ones((1, 2), np.float32), ['a'], [0], {**about, **note})
        write_features(tmp_path / 'index.npz', table)
        _, index = load([model], str(tmp_path / 'index.npz'), 'cpu')
        assert index.encoder.features == kind


def test_other_computers_are_warned_of(monkeypatch, capsys, tmp_path):
    import uvicorn

    log = logging.FileHandler(tmp_path / 'another.log')
    monkeypatch.setattr(server, 'application', lambda *_: None)
    monkeypatch.setattr(uvicorn.Server, 'run', lambda *_, **__: None)
    monkeypatch.setattr(server.signal, 'signal', lambda *_: None)
    server.serve(lambda: None, '0.0.0.0', 0, 1)
    assert capsys.readouterr().err.startswith('WARNING: 0.0.0.0 can be reached from other')
    server.serve(lambda: None, '127.0.0.1', 0, 1)
    assert capsys.readouterr().err == ''
    assert log.stream is not None, 'the page closed a log file that is not its own'
    log.close()
