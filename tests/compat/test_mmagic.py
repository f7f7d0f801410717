"""mmagic in full and in part, and its initialisation mended. Imports run in fresh processes."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from mmengine.config import Config

from usfm_mm.compat import import_mmagic, mmagic

needs_mmagic = pytest.mark.skipif(find_spec('mmagic') is None, reason='mmagic is not installed')


def python(code, path=None):
    """What a fresh process prints last, as JSON; ``path`` is searched first."""
    env = dict(os.environ)
    if path:
        env['PYTHONPATH'] = f'{path}{os.pathsep}{env.get("PYTHONPATH", "")}'
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], capture_output=True, env=env
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.decode().splitlines()[-1])


IMPORT = """
import json, logging, sys
import mmcv, numpy as np
before = mmcv.__version__, hasattr(np, 'bool8')
from mmengine.logging import MMLogger
lines = []
class Keep(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
MMLogger.get_instance('test').addHandler(Keep())
from usfm_mm.compat import import_mmagic
import_mmagic()
import_mmagic()
"""
PARTS = (
    IMPORT
    + """
from mmengine import registry
parts = dict(
    MODELS=['CycleGAN', 'ResnetGenerator', 'PatchDiscriminator', 'DataPreprocessor', 'Pix2Pix'],
    DATASETS=['UnpairedImageDataset', 'PairedImageDataset'],
    TRANSFORMS=['PackInputs', 'LoadImageFromFile', 'Flip', 'KeyMapper', 'PairedRandomCrop'],
    LOOPS=['MultiValLoop'], METRICS=['SSIM', 'PSNR', 'TransFID'], EVALUATOR=['Evaluator'],
    HOOKS=['VisualizationHook'], VISUALIZERS=['Visualizer'], PARAM_SCHEDULERS=['LinearLrInterval'],
    OPTIM_WRAPPER_CONSTRUCTORS=['MultiOptimWrapperConstructor'],
)
absent = [n for kind, names in parts.items() for n in names
          if getattr(registry, kind).get('mmagic.' + n) is None]
from mmagic.models import BaseTranslationModel, CycleGAN
import inspect
import mmagic.models.editors.cyclegan
inspect.getmodule(sys._getframe())  # as Registry() does; it asks every module for its file
same = mmagic.models.editors.cyclegan.CycleGAN is CycleGAN
from mmagic.datasets.transforms import PairedAlbuTransForms
try:
    PairedAlbuTransForms(size=8)
    message = None
except ModuleNotFoundError as error:
    message = str(error)
print(json.dumps(dict(
    absent=absent, same=same, message=message, lines=[x for x in lines if x.startswith('mmagic')],
    unchanged=before == (mmcv.__version__, hasattr(np, 'bool8')),
    full='mmagic.models.editors.stable_diffusion' in sys.modules,
    albumentations='albumentations' in sys.modules,
)))
"""
)


@needs_mmagic
def test_all_that_cyclegan_needs_is_there():
    found = python(PARTS)
    assert found['absent'] == []
    assert found['same']
    assert found['unchanged']  # neither mmcv nor numpy stays altered
    (line,) = found['lines']  # one, of two calls
    assert ('imported in full' in line) is found['full']
    if find_spec('albumentations') is None:
        assert 'pip install albumentations' in found['message']
        assert found['albumentations'] is False  # nobody else takes the stand-in for it


# A small mmagic whose full import needs diffusers, and part of whose evaluation needs lpips.
PACKAGE = {
    'mmagic/__init__.py': '__version__ = "1.2.0"',
    'mmagic/datasets/__init__.py': '',
    'mmagic/datasets/transforms/__init__.py': '',
    'mmagic/engine/__init__.py': '',
    'mmagic/evaluation/__init__.py': 'import lpips',
    'mmagic/visualization/__init__.py': '',
    'mmagic/models/__init__.py': 'from .base_models import *\nfrom .editors import *',
    'mmagic/models/base_models/__init__.py': 'from .one import One\n__all__ = ["One"]',
    'mmagic/models/base_models/one.py': 'class One: pass',
    'mmagic/models/data_preprocessors/__init__.py': '',
    'mmagic/models/utils/__init__.py': 'from .model_utils import generation_init_weights',
    'mmagic/models/utils/model_utils.py': 'def generation_init_weights(): pass',
    'mmagic/models/archs/__init__.py': 'import diffusers',
    'mmagic/models/archs/patch_disc.py': '',
    'mmagic/models/editors/__init__.py': 'from .stable import Stable\nfrom .cyclegan import Cycle',
    'mmagic/models/editors/stable.py': 'from ..archs import patch_disc\nStable = 1',
    'mmagic/models/editors/pix2pix/__init__.py': '',
    'mmagic/models/editors/cyclegan/__init__.py': (
        'from ...utils import generation_init_weights\nCycle = 2\n__all__ = ["Cycle"]'
    ),
}
REPORT = (
    IMPORT
    + """
import mmagic.models as models
from mmagic.models.editors import cyclegan
print(json.dumps(dict(
    line=[x for x in lines if x.startswith('mmagic')], names=[hasattr(models, n) for n in
    ('One', 'Cycle', 'Stable')], nested=models.base_models.one.One is models.One,
    mended='mend' in cyclegan.generation_init_weights.__qualname__,
)))
"""
)


def write_package(folder, others):
    for name, text in {**PACKAGE, **others}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize('full', [True, False])
def test_full_import_where_it_works(tmp_path, full):
    others = {'diffusers.py': 'raise RuntimeError("made for another NumPy")'}
    if full:
        others = {'diffusers.py': '', 'lpips.py': ''}
    write_package(tmp_path, others)
    found = python(REPORT, tmp_path)
    assert found['mended']
    assert found['nested']
    if full:
        assert found['line'] == ['mmagic 1.2.0: imported in full; generation_init_weights mended.']
        assert found['names'] == [True, True, True]
    else:
        (line,) = found['line']
        assert 'as far as CycleGAN needs it' in line
        assert 'made for another NumPy' in line  # why not in full
        assert found['names'] == [True, True, False]


TWICE = """
import json
from usfm_mm.compat import import_mmagic
messages = []
for attempt in range(2):
    try:
        import_mmagic()
    except ModuleNotFoundError as error:
        messages.append(str(error))
print(json.dumps(messages))
"""


def test_a_second_call_fails_as_the_first(tmp_path):
    write_package(tmp_path, {'mmagic/visualization/__init__.py': 'import not_installed'})
    first, second = python(TWICE, tmp_path)
    assert first == second
    assert 'needs not_installed, which is not installed: pip install' in first


@pytest.mark.parametrize('missing', ['mmagic', 'click'])
def test_missing_package_says_how_to_install_it(monkeypatch, missing):
    monkeypatch.delitem(sys.modules, 'mmagic', raising=False)

    def import_it(name):
        raise ModuleNotFoundError(f"No module named '{missing}'", name=missing)

    monkeypatch.setattr(mmagic, 'import_module', import_it)
    with pytest.raises(
        ModuleNotFoundError, match=f'needs {missing}.*--no-deps -r requirements/mmagic.txt'
    ) as caught:
        import_mmagic()
    assert caught.value.name == missing


INIT = """
import json
import torch
from mmengine.registry import MODELS, init_default_scope
from usfm_mm.compat import import_mmagic
import_mmagic()
init_default_scope('mmagic')
torch.manual_seed(0)
model = MODELS.build(dict(
    type='CycleGAN', data_preprocessor=dict(type='DataPreprocessor'),
    generator=dict(type='ResnetGenerator', in_channels=1, out_channels=1, base_channels=16),
    discriminator=dict(type='PatchDiscriminator', in_channels=1, norm_cfg=dict(type='IN')),
    default_domain='B', reachable_domains=['A', 'B'], related_domains=['A', 'B'],
))
weight = model.generators['A'].model[3].block[0].conv.weight
before = weight.std().item()
model.init_weights()
print(json.dumps(dict(before=before, after=weight.std().item(), mean=weight.mean().item(),
    forgotten=not any(hasattr(m, '_params_init_info') for m in model.modules()))))
"""


@needs_mmagic
def test_translation_models_can_be_initialised():
    found = python(INIT)  # as it is, mmagic fails: init_info is used before it is assigned
    assert abs(found['before'] - 0.02) > 0.002  # PyTorch's own start
    assert abs(found['after'] - 0.02) < 0.0005  # 36,864 draws of N(0, 0.02): error of 0.4 %
    assert abs(found['mean']) < 0.0005
    assert found['forgotten']


@needs_mmagic
def test_configs_of_mmagic_are_found(tmp_path):
    file = tmp_path / 'mine.py'
    file.write_text(
        "_base_ = 'mmagic::cyclegan/cyclegan_lsgan-id0-resnet-in_1xb1-80kiters_facades.py'\n"
        'model = dict(generator=dict(base_channels=8))\n'
    )
    cfg = Config.fromfile(file)
    assert cfg.default_scope == 'mmagic'
    assert (cfg.model.generator.type, cfg.model.generator.base_channels) == ('ResnetGenerator', 8)
