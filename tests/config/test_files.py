"""Configs by path and by name, also from the configs of others."""

import subprocess
import sys
from pathlib import Path

import pytest

import usfm_mm
from usfm_mm.config.files import config_root, find_config, named_configs
from usfm_mm.config.options import load_plain


@pytest.mark.parametrize('name', ['usfm/pretrain_demo', 'configs/usfm/pretrain_demo.py'])
def test_by_name_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == str(config_root() / 'usfm' / 'pretrain_demo.py')
    assert load_plain(name).image_size == 112


def test_a_file_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'usfm').mkdir()
    (tmp_path / 'usfm' / 'pretrain_demo.py').write_text('image_size = 7\n')
    assert load_plain('usfm/pretrain_demo.py').image_size == 7


def test_an_unknown_one_is_named():
    with pytest.raises(FileNotFoundError, match='usfm/nothing: no such config; "usfm configs"'):
        find_config('usfm/nothing')


def test_each_has_a_line():
    assert {'usfm/pretrain_3mus', 'baselines/seg_segformer'} <= named_configs().keys()
    assert all(len(text) > 20 for text in named_configs().values())


@pytest.mark.parametrize('name', ['usfm/seg_custom_upernet.py', 'usfm/cls_custom_linear.py'])
def test_inherited_from_the_config_of_a_stranger(name, tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(f"_base_ = 'usfm_mm::{name}'\ndata_root = 'elsewhere'\n")
    if not (Path(usfm_mm.__file__).parent / '.mim' / 'model-index.yml').is_file():
        pytest.skip('neither a wheel nor an editable install')
    cfg = load_plain(str(path))
    ours = load_plain(name)
    assert cfg.data_root == 'elsewhere'
    for key, value in ours.items():
        if key != 'data_root':
            assert cfg[key] == value, key
    assert '_scope_' not in cfg.pretty_text


def test_doctor_needs_no_host(tmp_path):
    program = (
        'import sys; from usfm_mm.__main__ import main; main(["doctor"]); main(["configs", "seg"]);'
        'assert not {"torch", "mmengine"} & set(sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'pre-training, features: ready' in done.stdout
    assert 'usfm/seg_busi_upernet' in done.stdout
