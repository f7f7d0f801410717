"""Config files: by path, or by their names in the package."""

from pathlib import Path

import usfm_mm


def config_root() -> Path:
    """Folder of the configs: that of the installed package, or of the clone."""
    package = Path(usfm_mm.__file__).parent
    shipped = package / '.mim' / 'configs'
    return shipped if shipped.is_dir() else package.parent / 'configs'


def named_configs() -> dict[str, str]:
    """First comment of each config, by its name in the package, such as ``'usfm/pretrain_demo'``.

    Example:
        >>> 'usfm/pretrain_3mus' in named_configs()
        True
    """
    root = config_root()
    files = sorted(path for path in root.rglob('*.py') if '_base_' not in path.parts)
    return {
        path.relative_to(root).with_suffix('').as_posix(): _first_comment(path) for path in files
    }


def find_config(name: str) -> str:
    """Path of a config.

    Args:
        name: Path of a file; or a name of :func:`named_configs`, also with ``configs/`` before and
            ``.py`` after it.

    Raises:
        FileNotFoundError: There is no such config.
    """
    if Path(name).is_file():
        return name
    short = name.removeprefix('configs/').removesuffix('.py')
    path = config_root() / f'{short}.py'
    if path.is_file():
        return str(path)
    raise FileNotFoundError(f'{name}: no such config; "usfm configs" lists those of the package')


def _first_comment(path: Path) -> str:
    words = []
    for line in path.read_text(encoding='utf-8').splitlines():
        if not line.startswith('#'):
            break
        words += line.lstrip('# ').split()
    return ' '.join(words)
