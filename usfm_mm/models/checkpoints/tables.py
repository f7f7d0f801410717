"""The relative position bias tables of a state dict: shared or of each block, of any window."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from usfm_mm.models.checkpoints.files import CheckpointError
from usfm_mm.models.rel_pos_bias import (
    resize_relative_position_bias,
    table_length,
    window_from_index,
    window_from_length,
)

TABLE = 'relative_position_bias_table'
INDEX = 'relative_position_index'
SHARED_TABLE = f'rel_pos_bias.{TABLE}'
BLOCK_TABLE = f'layers.{{}}.attn.{TABLE}'


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


def expand_table(encoder: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give every block its own copy of a shared bias table; without one, change nothing."""
    out = dict(encoder)
    if SHARED_TABLE in out:
        table = out.pop(SHARED_TABLE)
        for block in blocks_of(encoder):
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
    if len(keys) < len(blocks_of(encoder)) or not all(torch.equal(first, encoder[k]) for k in keys):
        raise CheckpointError(
            f'{source} has a relative position bias table of its own in each block, and they '
            'differ: one shared table cannot stand for them. For a model, set '
            'use_rel_pos_bias=True; to convert, choose a layout with tables per block'
        )
    out = {key: value for key, value in encoder.items() if key not in keys}
    out[SHARED_TABLE] = first
    return out


def resize_tables(state_dict: dict[str, Tensor], prefix: str, model: nn.Module) -> None:
    """Fit the bias tables in a state dict to a model's window and blocks, in place.

    For a hook before ``load_state_dict``, where a whole model saved at another image size, or with
    a shared table for blocks that have their own, is loaded. Index buffers of another window are
    replaced by the model's.

    Args:
        state_dict: With ``BEiTViT``'s names after ``prefix``.
        prefix: What precedes the encoder's names, such as ``'backbone.'``.
        model: The encoder; its ``patch_resolution`` is the window.

    Raises:
        CheckpointError: If the window of a table cannot be told.
    """
    own = model.state_dict()
    tables = [name for name in own if name.endswith(TABLE)]
    shared = prefix + SHARED_TABLE
    if shared in state_dict and tables and SHARED_TABLE not in own:
        table, index = state_dict.pop(shared), state_dict.pop(index_key(shared), None)
        for name in tables:
            state_dict[prefix + name] = table.clone()
            if index is not None:
                state_dict[prefix + index_key(name)] = index
    for name in tables:
        key = prefix + name
        if key not in state_dict or state_dict[key].shape[1:] != own[name].shape[1:]:
            continue  # missing or of another arch: load_state_dict says so
        index = state_dict.get(index_key(key))
        new = window_of(model)
        if index is None and len(state_dict[key]) == len(own[name]):
            continue
        try:
            old = find_window(state_dict[key], None if index is None else index.cpu())
        except ValueError as error:
            raise CheckpointError(f'{key}: {error}') from error
        if old != new:
            state_dict[key] = resize_relative_position_bias(state_dict[key], old, new)
            if index is not None and index_key(name) in own:
                state_dict[index_key(key)] = own[index_key(name)]


def blocks_of(encoder: Mapping[str, Tensor]) -> list[int]:
    """Numbers of the blocks that have weights, increasing."""
    return sorted({int(key.split('.')[1]) for key in encoder if key.startswith('layers.')})


def index_key(table_key: str) -> str:
    """Name of the index buffer that belongs to a table."""
    return table_key.removesuffix(TABLE) + INDEX


def window_of(model: Any) -> tuple[int, int]:
    """Grid (h, w) that a model's tables are made for."""
    height, width = model.patch_resolution
    return int(height), int(width)
