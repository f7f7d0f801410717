"""mmsegmentation without compiled mmcv, and under the name of the fork."""

import io
from contextlib import redirect_stdout
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution

from mmengine.config import utils as config_utils

from usfm_mm.compat.compiled_ops import stand_in_for_compiled_ops


def import_mmseg() -> None:
    """Import mmseg, also where mmcv came without its compiled operators.

    mmsegmentation 1.2.2 imports ``mmcv.ops`` whatever the model is, and so fails with mmcv-lite
    (open-mmlab/mmsegmentation#126, closed because compiled mmcv is asked for). UPerHead, FCNHead
    and SegformerHead call none of its operators. First the plain import is tried, which is enough
    with compiled mmcv and with the forks; see
    :func:`~usfm_mm.compat.compiled_ops.stand_in_for_compiled_ops` for what happens otherwise.

    Raises:
        ModuleNotFoundError: If mmseg, or a package that it imports, is not installed; with the
            command that installs it.
    """
    try:
        try:
            _import()
        except ModuleNotFoundError as error:
            if error.name != 'mmcv._ext' or not stand_in_for_compiled_ops():
                raise
            _import()
    except ModuleNotFoundError as error:
        if error.name == 'mmseg':
            remedy = (
                'pip install -r requirements/openmmlab.txt (the maintained forks), or '
                '-r requirements/openmmlab-official.txt, in the clone of usfm_mm'
            )
        elif error.name in ('ftfy', 'regex'):
            # mmsegmentation 1.2.2 does not ask for them: open-mmlab/mmsegmentation#3704.
            remedy = 'pip install ftfy regex'
        else:
            raise
        raise ModuleNotFoundError(
            f'segmentation needs {error.name}, which is not installed: {remedy}', name=error.name
        ) from error


def _import() -> None:
    with redirect_stdout(io.StringIO()):  # the fork prints 'Could not import OneDL'
        import_module('mmseg.models')
        import_module('mmseg.datasets')


def find_mmseg_configs() -> None:
    """Let a config inherit from ``mmseg::...`` also with the fork.

    mmengine looks for the installed package ``mmsegmentation``; the fork's is
    ``onedl-mmsegmentation``, and so mmengine says that it is not installed. The module has the
    same name in both and is found by it. (No upstream issue was found.) To be called before a
    config is read.
    """
    try:
        distribution('mmsegmentation')
    except PackageNotFoundError:
        config_utils.MODULE2PACKAGE['mmseg'] = 'mmseg'
