"""Who may import whom: the rules that CONTRIBUTING.md states, over every import of the package."""

import ast
from functools import cache
from pathlib import Path

import pytest

import usfm_mm

ROOT = Path(usfm_mm.__file__).parent
HEAVY = ('torch', 'torchvision', 'mm', 'monai')  # of other packages, by the start of their names
FORBIDDEN = {
    'io': (*HEAVY, 'usfm_mm.registry'),
    'curation': (*HEAVY, 'usfm_mm.registry'),
    'converters': (*HEAVY, 'usfm_mm.registry'),
    'database': (*HEAVY, 'usfm_mm.registry'),
    'inference': (*HEAVY, 'usfm_mm.registry'),
    'page': ('mm', 'monai', 'usfm_mm.datasets', 'usfm_mm.models', 'usfm_mm.engine'),
    'datasets': ('usfm_mm.models', 'usfm_mm.engine'),
    'models': ('usfm_mm.datasets', 'usfm_mm.engine', 'usfm_mm.evaluation'),
    'evaluation': ('usfm_mm.engine',),
    'visualization': ('torch', 'mm'),
}
"""What no module below a folder imports, not even through another module of ours."""


def module_name(path):
    parts = path.relative_to(ROOT.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {module_name(path): path for path in ROOT.rglob('*.py') if '.mim' not in path.parts}


@cache
def imports(module):
    """Modules that one of ours imports anywhere in its text, ours as they are called in MODULES."""
    path = MODULES[module]
    package = module if path.name == '__init__.py' else module.rpartition('.')[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split('.')[: len(package.split('.')) - node.level + 1]
            name = '.'.join([*(above if node.level else []), *filter(None, [node.module])])
            found.add(name)
            found |= {f'{name}.{alias.name}' for alias in node.names}
    # A package runs when a module below it is imported.
    ours = {name for name in found if name in MODULES}
    parents = {name.rsplit('.', i)[0] for name in ours for i in range(1, name.count('.') + 1)}
    return {name for name in found if not name.startswith('usfm_mm')} | ours | parents


@cache
def reached(module):
    """All that importing a module may import in the end, each with the way there."""
    ways, waiting = {}, [(module, (module,))]
    while waiting:
        current, way = waiting.pop()
        for name in imports(current):
            if name not in ways:
                ways[name] = (*way, name)
                if name in MODULES:
                    waiting.append((name, ways[name]))
    return ways


def is_below(name, start):
    if start == 'mm':  # mmengine, mmcv, mmpretrain, ...
        return name.startswith('mm')
    return name == start or name.startswith(f'{start}.')


@pytest.mark.parametrize('folder', FORBIDDEN)
def test_no_forbidden_import(folder):
    ways = [
        ' -> '.join(way)
        for module in MODULES
        if is_below(module, f'usfm_mm.{folder}')
        for name, way in reached(module).items()
        if any(is_below(name, start) for start in FORBIDDEN[folder])
    ]
    assert ways == []


def test_visualization_imports_only_io_of_ours():
    for module in MODULES:
        if is_below(module, 'usfm_mm.visualization'):
            others = {name for name in imports(module) if is_below(name, 'usfm_mm')}
            allowed = ('usfm_mm.io', 'usfm_mm.visualization')
            assert [n for n in others - {'usfm_mm'} if not n.startswith(allowed)] == [], module


def test_nobody_imports_commands():
    for module in MODULES:
        if not is_below(module, 'usfm_mm.commands') and module != 'usfm_mm.__main__':
            assert not any(is_below(name, 'usfm_mm.commands') for name in imports(module)), module


def test_the_graph_is_read():
    assert 'usfm_mm.masking' in imports('usfm_mm.models.data_preprocessor')
    assert 'torch' in reached('usfm_mm.models.data_preprocessor')
    assert 'usfm_mm.datasets.seeding' in imports('usfm_mm.datasets')
