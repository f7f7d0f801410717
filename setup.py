"""Packaging of usfm_mm.

The OpenMMLab packages are not dependencies here: an installation that has them, in either of the
two stacks (requirements/openmmlab.txt, requirements/openmmlab-official.txt), must stay as it is.
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def requirements(name: str) -> list[str]:
    """Lines of ``requirements/NAME.txt`` that name a package."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


EXTRAS = {name: requirements(name) for name in ('seg', 'enhance', 'data', 'vis', 'test')}

version: dict[str, str] = {}
for line in (ROOT / 'usfm_mm' / '__init__.py').read_text().splitlines():
    if line.startswith('__version__'):
        exec(line, version)

setup(
    name='usfm-mm',
    version=version['__version__'],
    description='Ultrasound foundation model (USFM) pre-training and adaptation for OpenMMLab',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    python_requires='>=3.10',
    entry_points={'console_scripts': ['usfm = usfm_mm.__main__:main']},
    packages=find_packages(include=['usfm_mm', 'usfm_mm.*']),
    package_data={'usfm_mm': ['py.typed', 'database/*.yaml', 'database/*.j2']},
    install_requires=requirements('core'),
    extras_require={**EXTRAS, 'all': sorted({line for lines in EXTRAS.values() for line in lines})},
)
