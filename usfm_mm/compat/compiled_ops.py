"""Hosts that import compiled operators of mmcv which they do not need."""

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import mmcv
from mmengine.logging import print_log

_EXTENSION = 'mmcv._ext'
_COMPILER = ('get_compiler_version', 'get_compiling_cuda_version')


class _StandIn(ModuleType):
    """Has every operator; each says what is missing when it is called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith('__'):  # Python's own questions to a module
            raise AttributeError(name)
        if name in _COMPILER:  # asked by the host's report on its environment
            return lambda: 'n/a'

        def operator(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError(f'the operator {name} needs compiled mmcv: {compile_mmcv()}')

        return operator


def compile_mmcv() -> str:
    """Say how to get mmcv with its compiled operators, in either stack."""
    try:
        lite, package, mim = distribution('mmcv-lite').name, 'mmcv', 'openmim'
    except PackageNotFoundError:
        lite, package, mim = 'onedl-mmcv', 'onedl-mmcv', 'onedl-mim'
    return (
        f'pip uninstall {lite}; pip install -U {mim} && mim install {package}=={mmcv.__version__}'
    )


def stand_in_for_compiled_ops() -> bool:
    """Let ``mmcv.ops`` be imported where mmcv came without its compiled operators.

    ``mmcv.ops`` is plain Python over one compiled module, ``mmcv._ext``, and most models of the
    hosts that import it never call an operator. Where that module is missing, a stand-in takes its
    place, whose operators raise a ``RuntimeError`` when called. It has no loader, so that whoever
    asks for compiled operators through mmengine's ``mmcv_full_available`` is still told no. A
    compiled mmcv is left alone.

    Returns:
        Whether there is a stand-in now.
    """
    if _EXTENSION in sys.modules:
        return isinstance(sys.modules[_EXTENSION], _StandIn)
    if find_spec(_EXTENSION) is not None:
        return False
    module = _StandIn(_EXTENSION, 'Stand-in for the compiled operators of mmcv.')
    module.__spec__ = ModuleSpec(_EXTENSION, None)
    sys.modules[_EXTENSION] = module
    # mmcv.cnn leaves this out where it was imported before; mmdetection looks for it there.
    transformer: Any = import_module('mmcv.cnn.bricks.transformer')
    attention = import_module('mmcv.ops.multi_scale_deform_attn')
    transformer.MultiScaleDeformableAttention = attention.MultiScaleDeformableAttention
    print_log(
        'mmcv has no compiled operators: a stand-in lets the rest be imported. What needs one says '
        'so when it runs.',
        logger='current',
        level=logging.INFO,
    )
    return True
