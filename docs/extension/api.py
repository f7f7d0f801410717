"""The API reference, from what is exported and what is registered."""

from collections.abc import Iterable
from typing import Any

import usfm_mm.apis
from usfm_mm import masking, registry
from usfm_mm.compat import import_mmagic, import_mmseg, quiet_imports

KINDS = {
    'MODELS': 'Models and losses',
    'TRANSFORMS': 'Transforms',
    'DATASETS': 'Data sets',
    'DATA_SAMPLERS': 'Samplers',
    'METRICS': 'Metrics',
    'HOOKS': 'Hooks',
    'LOOPS': 'Loops',
    'RUNNERS': 'Runners',
    'OPTIM_WRAPPERS': 'Optimizer wrappers',
    'OPTIM_WRAPPER_CONSTRUCTORS': 'Constructors of optimizer wrappers',
    'MODEL_WRAPPERS': 'Model wrappers',
}
"""Registries, in the order of the page."""


def functions_page() -> str:
    """What ``usfm_mm.apis`` exports, what its functions answer, and the masks."""
    from usfm_mm.inference import answers, explain, features, frames, sources
    from usfm_mm.io import card

    exported = {name: getattr(usfm_mm.apis, name) for name in usfm_mm.apis.__all__}
    own = {name: it for name, it in exported.items() if it.__name__ == name}  # no second names
    functions = [it for it in own.values() if not isinstance(it, type)]
    classes = [it for it in own.values() if isinstance(it, type)]
    answered = [
        it
        for module in (answers, explain)
        for it in vars(module).values()
        if isinstance(it, type) and it.__module__ == module.__name__ and it.__name__[0] != '_'
    ]
    masks = [
        it
        for it in vars(masking).values()
        if callable(it) and it.__module__ == masking.__name__ and it.__name__[0] != '_'
    ]
    pictures = [frames.frames_of, frames.Frame, sources.list_files]
    tables = [features.FeatureTable, features.read_features, features.Neighbour]
    parts = [
        '## Asking models',
        'All are imported from `usfm_mm.apis`.',
        *_directives(functions, of=usfm_mm.apis),
    ]
    parts += ['## Pictures', *_directives(pictures), '## Answers', *_directives(answered)]
    parts += ['## Models', *_directives(classes, of=usfm_mm.apis), *_directives([card.Card])]
    parts += ['## Features', *_directives(tables)]
    parts += ['## Masks', 'In `usfm_mm.masking`, as pure functions.', *_directives(masks)]
    return '\n\n'.join(parts)


def registered_page() -> str:
    """Every registered component, by its kind.

    Raises:
        ValueError: A registry is missing in ``KINDS``.
    """
    quiet_imports()
    import_mmseg()
    import_mmagic()
    registries = {k: v for k, v in vars(registry).items() if isinstance(v, registry.Registry)}
    ours = {name for name, it in registries.items() if it.scope == 'usfm_mm'}
    if ours != set(KINDS):
        raise ValueError(f'docs/extension/api.py: {sorted(ours ^ set(KINDS))} of registry.py')
    parts = []
    for name, title in KINDS.items():
        registries[name].import_from_location()
        found = registries[name].module_dict
        components = {it for it in found.values() if it.__module__.startswith('usfm_mm.')}
        if components:
            ordered = sorted(components, key=lambda it: it.__name__)
            parts += [f'## {title}', *_directives(ordered, members=False)]
    return '\n\n'.join(parts)


def _directives(objects: Iterable[type], members: bool = True, of: Any = None) -> list[str]:
    """A directive of autodoc for each class or function, under the module that is said."""
    parts = []
    for it in objects:
        kind = 'class' if isinstance(it, type) else 'function'
        lines = [f'.. auto{kind}:: {of.__name__ if of else it.__module__}.{it.__qualname__}']
        if kind == 'class' and members:
            lines.append('   :members:')
        parts.append('```{eval-rst}\n' + '\n'.join(lines) + '\n```')
    return parts
