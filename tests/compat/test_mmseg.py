"""mmseg with and without compiled operators, and configs inherited from it."""

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from types import ModuleType

import pytest
from mmengine.config import Config
from mmengine.config import utils as config_utils

from usfm_mm.compat import compiled_ops, find_mmseg_configs, import_mmseg, mmseg

lite = pytest.mark.skipif(
    not compiled_ops.stand_in_for_compiled_ops(), reason='mmcv has its compiled operators here'
)
needs_mmseg = pytest.mark.skipif(find_spec('mmseg') is None, reason='mmseg is not installed')


def python(code):
    """What a fresh process prints last, as JSON."""
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.decode().splitlines()[-1])


PLAIN_THEN_OURS = """
import json, subprocess, sys
plain = subprocess.run([sys.executable, '-c', 'import mmseg.models'], capture_output=True)
before = 'mmcv._ext' in sys.modules
from usfm_mm.compat import import_mmseg
import_mmseg()
import_mmseg()
from mmengine.utils.dl_utils.misc import mmcv_full_available
from mmseg.registry import MODELS
print(json.dumps(dict(
    plain=plain.returncode == 0, stand_in='mmcv._ext' in sys.modules, full=mmcv_full_available(),
    heads=[MODELS.get(name) is not None for name in ('UPerHead', 'FCNHead', 'SegformerHead')],
)))
"""


@needs_mmseg
@lite
def test_stand_in_only_where_the_plain_import_fails():
    found = python(PLAIN_THEN_OURS)
    assert found['heads'] == [True] * 3
    assert found['stand_in'] is not found['plain']
    assert found['full'] is False  # nobody is told that there are operators


OPERATORS = """
import json
import mmcv.cnn
from usfm_mm.compat import stand_in_for_compiled_ops
known = [stand_in_for_compiled_ops(), stand_in_for_compiled_ops()]
import torch
from mmcv.cnn.bricks.transformer import MultiScaleDeformableAttention
from mmcv.ops import get_compiler_version, nms, point_sample
try:
    nms(torch.tensor([[0., 0, 1, 1]]), torch.tensor([0.5]), 0.5)
except RuntimeError as error:
    message = str(error)
plain = point_sample(torch.arange(4.).view(1, 1, 2, 2), torch.tensor([[[0.5, 0.5]]]))
from importlib.metadata import distributions
lite = any(package.name == 'mmcv-lite' for package in distributions())
print(json.dumps(dict(
    known=known, message=message, compiler=get_compiler_version(), plain=plain.item(),
    lite=lite, version=mmcv.__version__)))
"""


@lite
def test_operators_say_what_is_missing_when_called():
    found = python(OPERATORS)
    assert found['known'] == [True, True]
    assert 'nms needs compiled mmcv' in found['message']
    package = 'mmcv-lite' if found['lite'] else 'onedl-mmcv'
    assert f'pip uninstall {package}; pip install -U' in found['message']
    assert found['message'].endswith(
        f'mim install {package.removesuffix("-lite")}=={found["version"]}'
    )
    assert found['compiler'] == 'n/a'
    assert found['plain'] == 1.5  # what is plain PyTorch in mmcv.ops works: the mean of 0 to 3


def test_compiled_operators_are_left_alone(monkeypatch):
    monkeypatch.delitem(sys.modules, 'mmcv._ext', raising=False)
    monkeypatch.setattr(compiled_ops, 'find_spec', lambda name: object())
    assert compiled_ops.stand_in_for_compiled_ops() is False
    assert 'mmcv._ext' not in sys.modules
    real = ModuleType('mmcv._ext')
    monkeypatch.setitem(sys.modules, 'mmcv._ext', real)
    assert compiled_ops.stand_in_for_compiled_ops() is False
    assert sys.modules['mmcv._ext'] is real


@pytest.mark.parametrize(
    ('missing', 'remedy'),
    [
        ('mmseg', 'requirements/openmmlab.txt'),
        ('ftfy', 'pip install ftfy regex'),
        ('regex', 'pip install ftfy regex'),
    ],
)
def test_missing_package_says_how_to_install_it(monkeypatch, missing, remedy):
    monkeypatch.setitem(sys.modules, missing, None)  # Python's way to say that it isn't there

    def import_it(name):
        __import__(missing)

    monkeypatch.setattr(mmseg, 'import_module', import_it)
    with pytest.raises(ModuleNotFoundError, match=remedy) as caught:
        import_mmseg()
    assert caught.value.name == missing


def test_other_errors_pass(monkeypatch):
    def fail(name):
        raise ModuleNotFoundError("No module named 'scipy'", name='scipy')

    monkeypatch.setattr(mmseg, 'import_module', fail)
    with pytest.raises(ModuleNotFoundError, match="^No module named 'scipy'$"):
        import_mmseg()


@needs_mmseg
def test_configs_of_mmseg_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(config_utils, 'MODULE2PACKAGE', dict(config_utils.MODULE2PACKAGE))
    find_mmseg_configs()
    file = tmp_path / 'mine.py'
    file.write_text(
        "_base_ = 'mmseg::beit/beit-base_upernet_8xb2-160k_ade20k-640x640.py'\n"
        'model = dict(decode_head=dict(num_classes=2))\n'
    )
    cfg = Config.fromfile(file)
    assert cfg.default_scope == 'mmseg'
    assert cfg.model.backbone.type == 'BEiT'
    assert (cfg.model.decode_head.type, cfg.model.decode_head.num_classes) == ('UPerHead', 2)


@pytest.mark.parametrize(('installed', 'package'), [(True, 'mmsegmentation'), (False, 'mmseg')])
def test_package_name_changes_only_for_the_fork(monkeypatch, installed, package):
    def look_up(name):
        assert name == 'mmsegmentation'
        if not installed:
            raise PackageNotFoundError(name)

    monkeypatch.setattr(config_utils, 'MODULE2PACKAGE', dict(mmseg='mmsegmentation', mmdet='mmdet'))
    monkeypatch.setattr(mmseg, 'distribution', look_up)
    find_mmseg_configs()
    assert dict(mmseg=package, mmdet='mmdet') == config_utils.MODULE2PACKAGE
