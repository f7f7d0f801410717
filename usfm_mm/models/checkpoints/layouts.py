"""The layouts of ViT checkpoints with relative position bias: their names, as data.

Inside, everything goes by the names of mmpretrain's ``BEiTViT``. A layout says how a file's names
differ from these, what precedes them, and what the state dict is wrapped in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from usfm_mm.models.checkpoints.files import CheckpointError, load_file
from usfm_mm.models.rel_pos_bias import (
    relative_position_index,
    table_length,
    window_from_index,
    window_from_length,
)

TABLE = 'relative_position_bias_table'
INDEX = 'relative_position_index'
SHARED_TABLE = f'rel_pos_bias.{TABLE}'
BLOCK_TABLE = f'layers.{{}}.attn.{TABLE}'

# (name in BEiT, name in BEiTViT); {} is the number of the block, and what is not listed is the
# same in both. A name ends at a dot or at the end.
BEIT_NAMES = (
    ('patch_embed.proj', 'patch_embed.projection'),
    ('blocks.{}.norm1', 'layers.{}.ln1'),
    ('blocks.{}.norm2', 'layers.{}.ln2'),
    ('blocks.{}.mlp.fc1', 'layers.{}.ffn.layers.0.0'),
    ('blocks.{}.mlp.fc2', 'layers.{}.ffn.layers.1'),
    ('blocks.{}', 'layers.{}'),
    ('norm', 'ln1'),
    ('fc_norm', 'ln2'),
)

# Parts beside the encoder in files that have no prefix before the encoder's names.
HEADS = ('head', 'lm_head', 'cls_pt_layers', 'decoder', 'decode_head', 'auxiliary_head', 'neck')


@dataclass(frozen=True)
class Layout:
    """How a family of files names and wraps the encoder.

    Attributes:
        names: Pairs (its name, ``BEiTViT``'s name).
        prefixes: What may precede the encoder's names; the first is written.
        wrapper: Key of the file under which the state dict is written; None for a flat file.
        tables: Bias tables written: ``'shared'``, ``'block'`` or ``'either'``.
        decoder: Prefix of a linear decoder that is carried along; None where there is none.
    """

    names: tuple[tuple[str, str], ...]
    prefixes: tuple[str, ...]
    wrapper: str | None
    tables: str
    decoder: str | None = None


LAYOUTS = {
    'usfm': Layout(BEIT_NAMES, ('',), None, 'shared'),
    'simmim': Layout(BEIT_NAMES, ('encoder.', 'model.encoder.'), 'model', 'shared', 'decoder.'),
    'beit': Layout(BEIT_NAMES, ('',), 'model', 'block'),
    'mmpretrain': Layout((), ('backbone.', ''), 'state_dict', 'either'),
    'usfm_mm': Layout((), ('backbone.',), 'state_dict', 'either', 'decoder.'),
}

_WRAPPERS = ('state_dict', 'model', 'module')
_FIRST_BLOCK = {'blocks.0.norm1.weight': BEIT_NAMES, 'layers.0.ln1.weight': ()}


@dataclass
class Checkpoint:
    """An encoder read from a file.

    Attributes:
        source: Where it was read, for messages.
        layout: Key of ``LAYOUTS``.
        encoder: Weights by ``BEiTViT``'s names, without the index buffers.
        others: What else the file holds (heads, decoder), by the file's names.
        window: Grid (h, w) of the bias tables in patches; None without tables.
    """

    source: str
    layout: str
    encoder: dict[str, Tensor]
    others: dict[str, Tensor] = field(default_factory=dict)
    window: tuple[int, int] | None = None

    @property
    def arch(self) -> dict[str, int]:
        """The ``arch`` of the encoder, as far as its weights tell."""
        blocks = {key.split('.')[1] for key in self.encoder if key.startswith('layers.')}
        arch = dict(num_layers=len(blocks))
        for name, key, axis in (
            ('embed_dims', 'layers.0.ln1.weight', 0),
            ('num_heads', SHARED_TABLE, 1),
            ('num_heads', BLOCK_TABLE.format(0), 1),
            ('feedforward_channels', 'layers.0.ffn.layers.0.0.weight', 0),
        ):
            if key in self.encoder:
                arch[name] = self.encoder[key].shape[axis]
        return arch


def read_checkpoint(source: str, window: tuple[int, int] | None = None) -> Checkpoint:
    """Read a file and recognise its layout.

    Args:
        source: Path or http(s) address.
        window: Grid (h, w) of the bias tables, needed only for a grid that is not square in a file
            that holds no index buffer.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it cannot be read, or has no layout that is known.
    """
    return parse_checkpoint(load_file(source), str(source), window)


def parse_checkpoint(
    content: Any, source: str = 'checkpoint', window: tuple[int, int] | None = None
) -> Checkpoint:
    """Recognise the layout of a file's content and give the encoder ``BEiTViT``'s names.

    Args:
        content: What ``torch.load`` gave.
        source: Where it was read, for messages.
        window: As in :func:`read_checkpoint`.

    Raises:
        CheckpointError: If the layout is unknown, or the window of the tables is.
    """
    wrapper, weights = _unwrap(content, source)
    layout, prefix = _recognise(content, wrapper, weights, source)
    encoder: dict[str, Tensor] = {}
    others: dict[str, Tensor] = {}
    for key, value in weights.items():
        name = key.removeprefix(prefix)
        if not key.startswith(prefix) or name.split('.')[0] in HEADS:
            others[key] = value
        else:
            encoder[rename(name, LAYOUTS[layout].names)] = value
    indices = {key: encoder.pop(key) for key in list(encoder) if key.endswith(INDEX)}
    tables = {key: value for key, value in encoder.items() if key.endswith(TABLE)}
    try:
        windows = {find_window(v, indices.get(_index_key(k)), window) for k, v in tables.items()}
    except ValueError as error:
        raise CheckpointError(f'{source}: {error}') from error
    if len(windows) > 1:
        raise CheckpointError(f'{source}: blocks have bias tables of several windows: {windows}')
    return Checkpoint(source, layout, encoder, others, windows.pop() if windows else None)


def find_window(
    table: Tensor, index: Tensor | None = None, window: tuple[int, int] | None = None
) -> tuple[int, int]:
    """Grid (h, w) of a bias table: as its index says, else as told, else square.

    Raises:
        ValueError: If the table has another number of rows, or no grid can be told.
    """
    if index is not None:
        window = window_from_index(index)
    elif window is None:
        window = window_from_length(len(table))
    if len(table) != table_length(*window):
        raise ValueError(
            f'a bias table for a window of {window[0]}x{window[1]} patches has '
            f'{table_length(*window)} rows, not {len(table)}'
        )
    return window


def write_layout(checkpoint: Checkpoint, layout: str) -> tuple[dict[str, Any], list[str]]:
    """Content of a file in another layout.

    Args:
        checkpoint: What was read.
        layout: Key of ``LAYOUTS``.

    Returns:
        What to save, and the names of the weights that have no place in it.

    Raises:
        CheckpointError: If the layout is unknown, or cannot hold the bias tables.
    """
    if layout not in LAYOUTS:
        raise CheckpointError(f'unknown layout {layout!r}, known are {", ".join(LAYOUTS)}')
    target = LAYOUTS[layout]
    encoder = dict(checkpoint.encoder)
    if target.tables == 'shared':
        encoder = share_tables(encoder, checkpoint.source)
    elif target.tables == 'block':
        encoder = expand_table(encoder)
    if checkpoint.window is not None:
        for key in [key for key in encoder if key.endswith(TABLE)]:
            encoder[_index_key(key)] = relative_position_index(*checkpoint.window)
    back = tuple((ours, theirs) for theirs, ours in target.names)
    weights = {target.prefixes[0] + rename(key, back): value for key, value in encoder.items()}
    dropped = []
    for key, value in checkpoint.others.items():
        name = key.removeprefix('model.')
        if target.decoder and LAYOUTS[checkpoint.layout].decoder and name.startswith('decoder.'):
            weights[name] = value
        else:
            dropped.append(key)
    if target.wrapper is None:
        return weights, dropped
    # The mark tells our files from mmpretrain's, which have the same names.
    return {target.wrapper: weights, 'meta': {'layout': layout}}, dropped


def expand_table(encoder: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give every block its own copy of a shared bias table; without one, change nothing."""
    out = dict(encoder)
    if SHARED_TABLE in out:
        table = out.pop(SHARED_TABLE)
        for block in _blocks(encoder):
            out[BLOCK_TABLE.format(block)] = table.clone()
    return out


def share_tables(encoder: Mapping[str, Tensor], source: str = 'checkpoint') -> dict[str, Tensor]:
    """Put one shared bias table in the place of the blocks' own, which must be equal.

    Raises:
        CheckpointError: If the blocks' tables differ, so that no shared one can stand for them.
    """
    keys = [key for key in encoder if key.endswith(TABLE) and key != SHARED_TABLE]
    if not keys:
        return dict(encoder)
    first = encoder[keys[0]]
    if len(keys) < len(_blocks(encoder)) or not all(torch.equal(first, encoder[k]) for k in keys):
        raise CheckpointError(
            f'{source} has a relative position bias table of its own in each block, and they '
            'differ: one shared table cannot stand for them. For a model, set '
            'use_rel_pos_bias=True; to convert, choose a layout with tables per block'
        )
    out = {key: value for key, value in encoder.items() if key not in keys}
    out[SHARED_TABLE] = first
    return out


def rename(key: str, names: tuple[tuple[str, str], ...]) -> str:
    """Rename a key by the first pair (old, new) whose old name it begins with."""
    for old, new in names:
        pattern = re.escape(old).replace(r'\{\}', r'(\d+)') + r'(?=\.|$)'
        match = re.match(pattern, key)
        if match:
            return new.format(*match.groups()) + key[match.end() :]
    return key


def _blocks(encoder: Mapping[str, Tensor]) -> list[int]:
    return sorted({int(key.split('.')[1]) for key in encoder if key.startswith('layers.')})


def _index_key(table_key: str) -> str:
    return table_key.removesuffix(TABLE) + INDEX


def _unwrap(content: Any, source: str) -> tuple[str | None, dict[str, Tensor]]:
    wrapper = None
    if isinstance(content, Mapping):
        for key in _WRAPPERS:
            if isinstance(content.get(key), Mapping):
                wrapper, content = key, content[key]
                break
        weights = {k: v for k, v in content.items() if isinstance(v, Tensor)}
        if weights:
            return wrapper, weights
    found = list(content)[:8] if isinstance(content, Mapping) else type(content).__name__
    raise CheckpointError(
        f'{source} holds no state dict, neither flat nor under one of {_WRAPPERS}; found {found}'
    )


def _recognise(
    content: Mapping, wrapper: str | None, weights: Mapping[str, Tensor], source: str
) -> tuple[str, str]:
    """Layout and the prefix of its encoder."""
    for first_block, names in _FIRST_BLOCK.items():
        fitting = {key: value for key, value in LAYOUTS.items() if value.names == names}
        prefixes = {prefix for layout in fitting.values() for prefix in layout.prefixes}
        for prefix in sorted(prefixes):
            if prefix + first_block not in weights:
                continue
            if not names:
                meta = content.get('meta') if wrapper else None
                marked = isinstance(meta, Mapping) and meta.get('layout') == 'usfm_mm'
                ours = marked or any(key.startswith('decoder.') for key in weights)
                return ('usfm_mm' if ours and prefix else 'mmpretrain'), prefix
            if prefix:
                return 'simmim', prefix
            flat = wrapper is None and SHARED_TABLE in weights
            return ('usfm' if flat else 'beit'), prefix
    raise CheckpointError(
        f'{source}: unknown layout. Known are {", ".join(LAYOUTS)} (ViT with relative position '
        f'bias); the file begins with {list(weights)[:8]}'
    )
