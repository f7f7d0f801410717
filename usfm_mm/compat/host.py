"""The host that a config is written for."""

from mmengine.config import Config

from usfm_mm.compat.mmagic import import_mmagic
from usfm_mm.compat.mmseg import import_mmseg
from usfm_mm.compat.quiet_imports import quiet_imports


def import_host(cfg: Config) -> None:
    """Import the host of a config's ``default_scope``, so that its types are found.

    Raises:
        ModuleNotFoundError: If the host is not installed, with the command that installs it.
    """
    quiet_imports()
    if cfg.get('default_scope') == 'mmseg':
        import_mmseg()
    elif cfg.get('default_scope') == 'mmagic':
        import_mmagic()
