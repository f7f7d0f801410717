"""What pyproject.toml cannot say: requirement files, and configs and tools inside the package.

OpenMMLab's tools look for both in ``PACKAGE/.mim``. A wheel gets copies, an editable install links.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

ROOT = Path(__file__).parent
SHIPPED = ('configs', 'tools', 'model-index.yml')


def requirements(name: str) -> list[str]:
    """Lines of ``requirements/NAME.txt`` that name a package."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line for line in lines if line and not line.startswith('#')]


class BuildWithMim(build_py):
    """Copy configs and tools into the wheel."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / 'usfm_mm' / '.mim'
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        ignored = shutil.ignore_patterns('__pycache__')
        for name in SHIPPED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, target / name)


class EditableWithMim(editable_wheel):
    """Link configs and tools into the clone's package."""

    def run(self) -> None:
        """Link, then build."""
        folder = ROOT / 'usfm_mm' / '.mim'
        folder.mkdir(exist_ok=True)
        for name in SHIPPED:
            if not (folder / name).exists():
                (folder / name).symlink_to(Path('..', '..', name))
        super().run()


# What trains, exports or draws features runs a network in PyTorch.
WITH_TORCH = ('train', 'seg', 'encoders', 'enhance', 'export', 'vis')
WITHOUT = ('infer', 'data', 'storage', 'annotations', 'dicom', 'page', 'slurm', 'docs', 'test')
EXTRAS = {name: sorted({*requirements(name), *requirements('train')}) for name in WITH_TORCH} | {
    name: requirements(name) for name in WITHOUT
}

setup(
    install_requires=requirements('core'),
    extras_require={**EXTRAS, 'all': sorted({line for lines in EXTRAS.values() for line in lines})},
    cmdclass={'build_py': BuildWithMim, 'editable_wheel': EditableWithMim},
)
