"""mmagic 1.2.0, unmaintained since 2023, on current packages and without most of its models."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import mmcv
import numpy as np
from mmengine.logging import print_log
from mmengine.model.weight_init import update_init_info
from mmengine.utils import digit_version
from torch import nn

# mmagic refuses mmcv from 2.2 on; what is imported here works with it, and the forks are at 2.3.
_NEWEST_MMCV = '2.1.0'
# Packages whose __init__ imports sixty models, with compiled mmcv and diffusers: what CycleGAN
# needs of each.
_NEEDED = {
    'mmagic.models': ('base_models', 'data_preprocessors', 'editors'),
    'mmagic.models.archs': ('patch_disc',),
    'mmagic.models.editors': ('pix2pix', 'cyclegan'),
}
# Imported by modules that CycleGAN needs not, beside modules that it needs.
_DISPENSABLE = ('albumentations', 'lpips')
_BROKEN = 'generation_init_weights'
_INSTALL = 'pip install --no-deps -r requirements/mmagic.txt && pip install -e ".[enhance]"'


def import_mmagic() -> None:
    """Import mmagic, in full where that works, else what CycleGAN needs of it.

    The full import needs compiled mmcv, diffusers and more. Without one of them,
    ``mmagic.models`` and its packages of models are opened without running their ``__init__``, and
    CycleGAN, Pix2Pix, PatchDiscriminator and the data preprocessors are imported from them;
    ``datasets``, ``engine``, ``evaluation`` and ``visualization`` are complete either way. For all
    of that mmagic is shown the newest mmcv that it accepts, and ``np.bool8``, which NumPy 2 has
    not. In both cases ``generation_init_weights`` is mended (open-mmlab/mmagic#2109), with which
    no image translation model could be trained. One line in the log says what was done. A second
    call does nothing.

    Raises:
        ModuleNotFoundError: If mmagic, or a package that CycleGAN needs, is not installed; with
            the command that installs it.
    """
    if getattr(sys.modules.get('mmagic'), '_imported_by_usfm_mm', False):
        return
    try:
        with _accepted_versions():
            package: Any = import_module('mmagic')
            try:
                _import_all()
                done = 'imported in full'
            except Exception as error:  # whatever a package of another year raises
                _import_needed()
                done = f'imported as far as CycleGAN needs it, in full it fails ({error})'
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith('mmagic.'):
            raise
        raise ModuleNotFoundError(
            f'image enhancement needs {error.name}, which is not installed: {_INSTALL}, in the '
            'clone of usfm_mm',
            name=error.name,
        ) from error
    _mend_generation_init_weights()
    package._imported_by_usfm_mm = True
    print_log(
        f'mmagic {package.__version__}: {done}; generation_init_weights mended.',
        logger='current',
        level=logging.INFO,
    )


@contextmanager
def _accepted_versions() -> Iterator[None]:
    """Show mmagic an mmcv that it accepts, and the name that NumPy 2 has removed."""
    version, numpy = mmcv.__version__, cast(Any, np)
    numpy_2 = digit_version(np.__version__) >= digit_version('2.0')
    if digit_version(version) > digit_version(_NEWEST_MMCV):
        mmcv.__version__ = _NEWEST_MMCV
    if numpy_2:
        numpy.bool8 = np.bool_
    try:
        yield
    finally:
        mmcv.__version__ = version
        if numpy_2:
            del numpy.bool8


def _import_all() -> None:
    for name in ('models', 'datasets', 'datasets.transforms', 'engine', 'evaluation'):
        import_module(f'mmagic.{name}')
    import_module('mmagic.visualization')


def _import_needed() -> None:
    opened = [name for name in _NEEDED if name not in sys.modules]
    try:
        for name in opened:
            _open(name)
        for name in reversed(opened):
            _fill(sys.modules[name], _NEEDED[name])
        with _stand_ins():
            _import_all()
    except Exception:
        for name in opened:  # half filled, they would pass for the whole at the next call
            sys.modules.pop(name, None)
        raise


def _open(name: str) -> None:
    """Make a package importable without running its ``__init__``."""
    parent, _, child = name.rpartition('.')
    folder = Path(sys.modules[parent].__path__[0], child)
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    package = module_from_spec(spec)
    package.__file__ = str(folder / '__init__.py')  # inspect.getmodule asks every module for it
    sys.modules[name] = package
    setattr(sys.modules[parent], child, package)


def _fill(package: Any, parts: tuple[str, ...]) -> None:
    """Import parts of a package and what they export, as its ``__init__`` would."""
    package.__all__ = []
    for part in parts:
        module = import_module(f'{package.__name__}.{part}')
        setattr(package, part, module)  # not done for what the full import had reached
        public = getattr(module, '__all__', ())
        package.__all__ += public
        vars(package).update({name: getattr(module, name) for name in public})


class _Missing(ModuleType):
    """Takes the place of a package that is not installed while mmagic is imported."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):  # Python's own questions to a module
            raise AttributeError(name)
        raise ModuleNotFoundError(
            f'this part of mmagic needs {self.__name__}: pip install {self.__name__}',
            name=self.__name__,
        )


@contextmanager
def _stand_ins() -> Iterator[None]:
    missing = [name for name in _DISPENSABLE if name not in sys.modules and not find_spec(name)]
    sys.modules.update({name: _Missing(name) for name in missing})
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


def _mend_generation_init_weights() -> None:
    """Keep the function from its record of the initialisation, where it uses a name too early."""
    broken = getattr(import_module('mmagic.models.utils.model_utils'), _BROKEN)

    def generation_init_weights(
        module: nn.Module, init_type: str = 'normal', init_gain: float = 0.02
    ) -> None:
        record = module.__dict__.pop('_params_init_info', None)
        broken(module, init_type=init_type, init_gain=init_gain)
        if record is not None:
            module._params_init_info = record
            update_init_info(module, f'generation_init_weights: {init_type}, gain {init_gain}')

    for name, module in list(sys.modules.items()):
        if name.startswith('mmagic.') and vars(module).get(_BROKEN) is broken:
            setattr(module, _BROKEN, generation_init_weights)
