"""Relative position bias as pure functions: the index of the table, and its resize.

A window of ``h x w`` patches has ``(2h-1)(2w-1)`` offsets ``(dy, dx)`` between two patches. The
table ``[(2h-1)(2w-1) + 3, heads]`` has one row for each, in row-major order of
``(dy + h - 1, dx + w - 1)``, then three for the class token: class to patch, patch to class, class
to class. This is the numbering of BEiT, of mmpretrain and of the released weights.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CLASS_ROWS = 3


def relative_position_index(
    height: int, width: int, device: torch.device | str | None = None
) -> Tensor:
    """Row of the bias table for every pair of tokens.

    Args:
        height: Patches from top to bottom.
        width: Patches from left to right.
        device: Of the result.

    Returns:
        int64 ``[hw + 1, hw + 1]``, entry ``[i, j]`` for query i and key j; token 0 is the class
        token, the patches follow row by row. The offset is the query's place minus the key's.

    Raises:
        ValueError: If a side is smaller than 1.
    """
    if height < 1 or width < 1:
        raise ValueError(f'a window needs at least one patch, got {height}x{width}')
    rows, count = table_length(height, width), height * width
    y = torch.arange(height, device=device)[:, None] * (2 * width - 1)
    place = (y + torch.arange(width, device=device)).flatten()
    # Row of offset (dy, dx) is linear in both, so that one difference of places gives it.
    patches = place[:, None] - place[None, :] + (rows - CLASS_ROWS) // 2
    keys = torch.cat((place.new_full((1, 1), rows - 1), place.new_full((1, count), rows - 3)), 1)
    queries = place.new_full((count, 1), rows - 2)
    return torch.cat((keys, torch.cat((queries, patches), 1)))


def relative_position_bias(table: Tensor, height: int, width: int) -> Tensor:
    """Bias of the attention logits.

    It is computed anew in each forward pass (a fifth of a millisecond for ViT-B at 224 pixels): a
    bias that is kept goes stale where a fused optimizer, an average or ``.data`` changes the table.

    Args:
        table: ``[(2h-1)(2w-1) + 3, heads]``.
        height: Patches from top to bottom.
        width: Patches from left to right.

    Returns:
        ``[heads, hw + 1, hw + 1]``, entry ``[k, i, j]`` for head k, query i and key j.
    """
    index = relative_position_index(height, width, table.device)
    # Along the columns of the transposed table: several times faster than gathering rows.
    return table.t().index_select(1, index.flatten()).view(-1, *index.shape)


def table_length(height: int, width: int) -> int:
    """Rows of the bias table of a window of ``height x width`` patches."""
    return (2 * height - 1) * (2 * width - 1) + CLASS_ROWS


def resize_relative_position_bias(
    table: Tensor, old: tuple[int, int], new: tuple[int, int]
) -> Tensor:
    """Bias table of another window, by interpolation on the grid of offsets.

    Bilinear, with the corners aligned. Aligned corners keep offset 0 at offset 0 and the largest
    offset at the largest one, so nothing is extrapolated (where the released code gives NaN) and
    offsets keep their meaning as a share of the image. Bilinear values stay between their
    neighbours, and a linear ramp stays linear; PyTorch's bicubic kernel (a = -0.75) does neither.
    BEiT's spacing in geometric progression was made for larger windows only, and bends a
    linear ramp.

    Args:
        table: ``[(2h-1)(2w-1) + 3, heads]``, any floating-point dtype. Gradients flow through.
        old: Window (h, w) the table is for, patches.
        new: Window (h', w') wanted, patches.

    Returns:
        ``[(2h'-1)(2w'-1) + 3, heads]`` in the dtype of ``table``, the class token's rows unchanged;
        ``table`` itself where the window is the same.

    Raises:
        ValueError: If the table does not fit ``old``, or a side is smaller than 1.
    """
    if min(*old, *new) < 1:
        raise ValueError(f'a window needs at least one patch, got {old} and {new}')
    if table.ndim != 2 or len(table) != table_length(*old):
        raise ValueError(
            f'a bias table for a window of {old[0]}x{old[1]} patches has '
            f'{table_length(*old)} rows, got shape {tuple(table.shape)}'
        )
    if tuple(old) == tuple(new):
        return table
    (h, w), (new_h, new_w) = old, new
    # Not in half precision, and not in double, which exported programs lack.
    dtype = torch.promote_types(table.dtype, torch.float32)
    grid = table[:-CLASS_ROWS].to(dtype).reshape(1, 2 * h - 1, 2 * w - 1, -1).permute(0, 3, 1, 2)
    # A window of one patch has offset 0 only, where interpolate would take the first one.
    if new_h == 1:
        grid = grid[:, :, h - 1 : h]
    if new_w == 1:
        grid = grid[:, :, :, w - 1 : w]
    size = (2 * new_h - 1, 2 * new_w - 1)
    grid = F.interpolate(grid, size, mode='bilinear', align_corners=True)
    offsets = grid.permute(0, 2, 3, 1).reshape(size[0] * size[1], -1)
    return torch.cat((offsets.to(table.dtype), table[-CLASS_ROWS:]))


def window_from_length(rows: int) -> tuple[int, int]:
    """Window of a table with ``rows`` rows, taken for square.

    Raises:
        ValueError: If no square window has that many rows.
    """
    side = (math.isqrt(max(rows - CLASS_ROWS, 0)) + 1) // 2
    if side < 1 or table_length(side, side) != rows:
        raise ValueError(
            f'a relative position bias table of {rows} rows is not that of a square window: keep '
            'relative_position_index in the file, or name the window (height, width) in patches'
        )
    return side, side


def window_from_index(index: Tensor) -> tuple[int, int]:
    """Window of a stored ``relative_position_index``.

    Raises:
        ValueError: If the index is not numbered as :func:`relative_position_index` does.
    """
    if index.ndim == 2 and index.shape[0] == index.shape[1] > 1:
        index = index.long()
        patches = len(index) - 1
        # Down the first column of patches the row grows by 1 per step to the right, and jumps by
        # 2w - 1 where the next line of patches begins.
        steps = index[1:, 1] - index[1, 1]
        jumps = (steps != torch.arange(patches)).nonzero()
        width = int(jumps[0]) if len(jumps) else patches
        if patches % width == 0:
            window = patches // width, width
            if torch.equal(index, relative_position_index(*window)):
                return window
    raise ValueError(
        f'relative_position_index of shape {tuple(index.shape)} does not number the offsets as '
        'BEiT does: its bias table cannot be read'
    )
