"""What a run ran on: device, commit and versions, without importing PyTorch."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import usfm_mm

_SHOWN = ('torch', 'mmengine', 'onedl-mmengine', 'mmpretrain', 'onedl-mmpretrain', 'numpy')


@cache
def device() -> str:
    """Names of the GPUs that can be seen, else that of the CPU with its cores."""
    gpus = _said('nvidia-smi', '--query-gpu=name', '--format=csv,noheader')
    if gpus and os.environ.get('CUDA_VISIBLE_DEVICES', 'all'):
        return ', '.join(gpus.splitlines())
    model = platform.processor() or platform.machine()
    if Path('/proc/cpuinfo').is_file():
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
        model = names[0] if names else model
    return f'{model}, {os.cpu_count()} cores'


def commit() -> str:
    """Of the clone that the package lies in, ``-dirty`` where files differ; '' without one.

    Asked for anew each time: runs of hours import what the clone has when they begin.
    """
    root = str(Path(usfm_mm.__file__).parents[1])
    if not Path(root, '.git').exists():
        return ''
    return _said('git', '-C', root, 'describe', '--always', '--dirty', '--exclude=*')


@cache
def versions() -> str:
    """Of the package, Python and what computes."""
    found = [f'usfm_mm {usfm_mm.__version__}', f'Python {platform.python_version()}']
    for name in _SHOWN:
        try:
            found.append(f'{name} {version(name)}')
        except PackageNotFoundError:
            continue
    return ', '.join(found)


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ''
    return done.stdout.strip()
