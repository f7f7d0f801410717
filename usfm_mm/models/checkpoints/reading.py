"""Recognising what a checkpoint holds, and giving its encoder mmpretrain's names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from usfm_mm.models.checkpoints.files import CheckpointError, load_file
from usfm_mm.models.checkpoints.layouts import HEADS, LAYOUTS, VIT_LAYOUTS, rename
from usfm_mm.models.checkpoints.tables import (
    BLOCK_TABLE,
    INDEX,
    SHARED_TABLE,
    TABLE,
    blocks_of,
    find_window,
    index_key,
)

_ALL = {**LAYOUTS, **VIT_LAYOUTS}
_WRAPPERS = ('state_dict', 'model', 'module', 'model_state_dict', 'teacher')
_FIRST_BLOCK = re.compile(r'(?P<prefix>(?:.+\.)?)(?P<name>blocks\.0\.norm1|layers\.0\.ln1)\.weight')
_CHUNK = re.compile(r'(^|\.)blocks\.\d+\.(\d+)\.(?=norm|attn|ls|mlp)')
_USUAL = {'model.backbone.'}.union(*(layout.prefixes for layout in _ALL.values()))


@dataclass
class Checkpoint:
    """An encoder read from a file.

    Attributes:
        source: Where it was read, for messages.
        layout: Key of ``LAYOUTS`` or ``VIT_LAYOUTS``.
        encoder: Weights by mmpretrain's names, without the index buffers.
        others: What else the file holds (heads, decoder), by the file's names.
        window: Grid (h, w) of the bias tables in patches; None without tables.
    """

    source: str
    layout: str
    encoder: dict[str, Tensor]
    others: dict[str, Tensor] = field(default_factory=dict)
    window: tuple[int, int] | None = None

    @property
    def is_vit(self) -> bool:
        """A ViT with absolute position embedding and full qkv bias, no BEiT."""
        return is_vit(self.encoder)

    @property
    def arch(self) -> dict[str, int]:
        """The ``arch`` of the encoder, as far as its weights tell: of a ViT, not the heads."""
        arch = dict(num_layers=len(blocks_of(self.encoder)))
        for name, key, axis in (
            ('embed_dims', 'layers.0.ln1.weight', 0),
            ('num_heads', SHARED_TABLE, 1),
            ('num_heads', BLOCK_TABLE.format(0), 1),
            ('feedforward_channels', 'layers.0.ffn.layers.0.0.weight', 0),
        ):
            if key in self.encoder:
                arch[name] = self.encoder[key].shape[axis]
        return arch


def is_vit(names: Mapping[str, Any]) -> bool:
    """Whether an encoder's names are those of a plain ViT, not of a BEiT."""
    beit = any(TABLE in name or name.endswith('attn.q_bias') for name in names)
    return not beit and any(name.endswith('attn.qkv.bias') for name in names)


def read_checkpoint(
    source: str, window: tuple[int, int] | None = None, prefix: str = ''
) -> Checkpoint:
    """Read a file and recognise its layout.

    Args:
        source: Path or http(s) address.
        window: Grid (h, w) of the bias tables, needed only for a grid that is not square in a file
            that holds no index buffer.
        prefix: Only weights whose names begin with it are read; needed where the file holds
            several encoders, such as a teacher and a student.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it cannot be read, or has no layout that is known.
    """
    return parse_checkpoint(load_file(source), str(source), window, prefix)


def parse_checkpoint(
    content: Any,
    source: str = 'checkpoint',
    window: tuple[int, int] | None = None,
    prefix: str = '',
) -> Checkpoint:
    """Recognise the layout of a file's content and give the encoder mmpretrain's names.

    Args:
        content: What ``load_file`` gave.
        source: Where it was read, for messages.
        window: As in :func:`read_checkpoint`.
        prefix: As in :func:`read_checkpoint`.

    Raises:
        CheckpointError: If the layout is unknown, or the window of the tables is.
    """
    wrapper, weights = _unwrap(content, source)
    weights = unchunked(weights)
    if prefix:
        start = prefix.removesuffix('.') + '.'
        weights = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
        if not weights:
            raise CheckpointError(
                f"{source}: no weight's name begins with prefix={prefix!r}. Leave it out: usual "
                'prefixes are recognised (init_cfg=dict(_delete_=True, ...) where it is inherited)'
            )
    layout, inner = _recognise(content, wrapper, weights, source)
    encoder: dict[str, Tensor] = {}
    others: dict[str, Tensor] = {}
    for key, value in weights.items():
        name = key.removeprefix(inner)
        part = name.split('.')[0]
        if not key.startswith(inner) or part in HEADS or part.startswith('decoder'):
            others[key] = value
        else:
            encoder[rename(name, _ALL[layout].names)] = value
    indices = {key: encoder.pop(key) for key in list(encoder) if key.endswith(INDEX)}
    tables = {key: value for key, value in encoder.items() if key.endswith(TABLE)}
    try:
        windows = {find_window(v, indices.get(index_key(k)), window) for k, v in tables.items()}
    except ValueError as error:
        raise CheckpointError(f'{source}: {error}') from error
    if len(windows) > 1:
        raise CheckpointError(f'{source}: blocks have bias tables of several windows: {windows}')
    return Checkpoint(source, layout, encoder, others, windows.pop() if windows else None)


def state_dict_of(content: Any, source: str = 'checkpoint') -> dict[str, Tensor]:
    """Weights of a file by its own names, without what wrappers add to them.

    Raises:
        CheckpointError: There are none.
    """
    return _unwrap(content, source)[1]


def unchunked(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Blocks of a ViT by their numbers: DINOv2 trains them in chunks, ``blocks.2.7`` is block 7."""
    return {_CHUNK.sub(r'\1blocks.\2.', key): value for key, value in weights.items()}


def _unwrap(content: Any, source: str) -> tuple[str | None, dict[str, Tensor]]:
    """Key of the state dict in a file, and the weights in it."""
    wrapper = None
    if isinstance(content, Mapping) and not _is_module(content):
        wrapper = next((key for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        content = content if wrapper is None else content[wrapper]
    if isinstance(content, Mapping):
        found = dict(_weights_of_module(content) if _is_module(content) else content.items())
        weights = {_bare(key): v for key, v in found.items() if isinstance(v, Tensor)}
        if weights:
            return wrapper, weights
    shown = list(content)[:8] if isinstance(content, Mapping) else type(content).__name__
    raise CheckpointError(
        f'{source} holds no state dict, neither flat nor under one of {_WRAPPERS}; found {shown}'
    )


def _is_module(content: Any) -> bool:
    """Whether it is the placeholder of a module that was pickled whole."""
    return '_modules' in getattr(content, '__dict__', ())


def _weights_of_module(module: Any, prefix: str = '') -> Iterator[tuple[str, Any]]:
    state = module.__dict__
    for name, value in {**state['_parameters'], **state['_buffers']}.items():
        yield prefix + name, value
    for name, child in state['_modules'].items():
        if _is_module(child):
            yield from _weights_of_module(child, f'{prefix}{name}.')


def _bare(key: str) -> str:
    """Name without what wrappers add: data parallelism in front, compilation anywhere."""
    return re.sub(r'^(module\.)+', '', key.replace('_orig_mod.', ''))


def _recognise(
    content: Any, wrapper: str | None, weights: Mapping[str, Tensor], source: str
) -> tuple[str, str]:
    """Layout and the prefix of its encoder."""
    found: dict[str, str] = {}
    for key in weights:
        match = _FIRST_BLOCK.fullmatch(key)
        if match:
            found[match['prefix']] = match['name']
    usual = [prefix for prefix in found if prefix in _USUAL]
    choice = usual if len(usual) == 1 else list(found)
    if not choice:
        raise CheckpointError(
            f'{source}: unknown layout. Known are {", ".join(_ALL)} (ViT, with relative position '
            f'bias or absolute position embedding); the file begins with {list(weights)[:8]}'
        )
    if len(choice) > 1:
        raise CheckpointError(
            f'{source} holds several encoders: choose one by prefix=, of {sorted(choice)}'
        )
    (prefix,) = choice
    mine = [key for key in weights if key.startswith(prefix)]
    if found[prefix].startswith('layers'):
        meta = content.get('meta') if wrapper else None
        marked = isinstance(meta, Mapping) and meta.get('layout') == 'usfm_mm'
        ours = marked or any(key.startswith('decoder.') for key in weights)
        return ('usfm_mm' if ours and prefix else 'mmpretrain'), prefix
    if is_vit(dict.fromkeys(mine)):
        mae = any(key.startswith(f'{prefix}decoder_blocks.') for key in mine)
        return ('mae' if mae else 'timm'), prefix
    if prefix in LAYOUTS['simmim'].prefixes:
        return 'simmim', prefix
    flat = wrapper is None and prefix + SHARED_TABLE in weights
    return ('usfm' if flat else 'beit'), prefix
