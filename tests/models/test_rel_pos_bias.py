"""Index and resize of the relative position bias."""

import pytest
import torch
from mmpretrain.models.backbones.beit import RelativePositionBias

from support.released_layout import index_by_loops
from usfm_mm.models.rel_pos_bias import (
    relative_position_index,
    resize_relative_position_bias,
    table_length,
    window_from_index,
    window_from_length,
)

# 160 to 512 pixels in steps of a patch of 16, and grids that are not square.
SIZES = [(n, n) for n in range(10, 33)]
NON_SQUARE = [(10, 32), (32, 10), (14, 20), (17, 12), (14, 1), (1, 14), (1, 1)]
RELEASED = (14, 14)


def table_of(function, window, heads=3):
    """Table whose value at offset (dy, dx) is ``function(dy, dx)`` for every head."""
    h, w = window
    dy = torch.arange(-(h - 1), h).double()[:, None].expand(-1, 2 * w - 1)
    dx = torch.arange(-(w - 1), w).double()[None, :].expand(2 * h - 1, -1)
    rows = function(dy, dx).reshape(-1, 1).repeat(1, heads)
    return torch.cat((rows, torch.tensor([[101.0], [102.0], [103.0]]).repeat(1, heads).double()))


def offsets(table, window):
    """Offset part ``[2h - 1, 2w - 1, heads]``."""
    return table[:-3].reshape(2 * window[0] - 1, 2 * window[1] - 1, -1)


@pytest.mark.parametrize('window', [(1, 1), (1, 4), (4, 1), (3, 3), (2, 5), (5, 2)])
def test_index_equals_loops(window):
    assert torch.equal(relative_position_index(*window), index_by_loops(*window))


@pytest.mark.parametrize('window', [(14, 14), (7, 10), (10, 7)])
def test_index_equals_mmpretrain(window):
    buffer = RelativePositionBias(window, num_heads=2).relative_position_index
    assert torch.equal(relative_position_index(*window), buffer)


def test_index_needs_a_patch():
    with pytest.raises(ValueError, match='at least one patch, got 0x3'):
        relative_position_index(0, 3)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize('window', [(14, 14), (9, 20)])
def test_same_window_is_bit_equal(window, dtype):
    table = torch.randn(table_length(*window), 4).to(dtype)
    assert torch.equal(resize_relative_position_bias(table, window, window), table)


@pytest.mark.parametrize('new', SIZES + NON_SQUARE, ids=str)
@pytest.mark.parametrize('old', [RELEASED, (9, 16)], ids=str)
def test_finite_bounded_and_class_rows_kept(old, new):
    table = torch.randn(table_length(*old), 5, generator=torch.Generator().manual_seed(0))
    out = resize_relative_position_bias(table, old, new)
    assert out.shape == (table_length(*new), 5)
    assert out.dtype == table.dtype
    assert out.isfinite().all()
    assert (out[:-3] <= table[:-3].amax(0)).all()
    assert (out[:-3] >= table[:-3].amin(0)).all()
    assert torch.equal(out[-3:], table[-3:])


@pytest.mark.parametrize('new', SIZES + NON_SQUARE, ids=str)
def test_horizontal_offsets_stay_horizontal(new):
    """A bias of dx alone stays one of dx alone, one of dy alone one of dy alone."""
    sideways = resize_relative_position_bias(
        table_of(lambda dy, dx: (0.3 * dx).sin() + dx, RELEASED), RELEASED, new
    )
    grid = offsets(sideways, new)
    assert (grid - grid[:1]).abs().max() < 1e-12
    if new[1] > 1:
        assert (grid[:, 1:] > grid[:, :-1]).all()  # grows to the right as before
    down = resize_relative_position_bias(
        table_of(lambda dy, dx: (0.3 * dy).sin() + dy, RELEASED), RELEASED, new
    )
    grid = offsets(down, new)
    assert (grid - grid[:, :1]).abs().max() < 1e-12
    if new[0] > 1:
        assert (grid[1:] > grid[:-1]).all()


@pytest.mark.parametrize('new', SIZES + NON_SQUARE, ids=str)
def test_linear_ramp_stays_linear_as_share_of_the_image(new):
    old = (14, 17)
    table = table_of(lambda dy, dx: 3 * dy / (old[0] - 1) - 5 * dx / (old[1] - 1), old)
    expected = table_of(
        lambda dy, dx: 3 * dy / max(new[0] - 1, 1) - 5 * dx / max(new[1] - 1, 1), new
    )
    out = resize_relative_position_bias(table, old, new)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize('new', SIZES + NON_SQUARE, ids=str)
def test_offset_zero_and_symmetry_kept(new):
    table = torch.randn(table_length(*RELEASED), 2, generator=torch.Generator().manual_seed(0))
    out = offsets(resize_relative_position_bias(table.double(), RELEASED, new), new)
    centre = offsets(table.double(), RELEASED)[13, 13]
    torch.testing.assert_close(out[new[0] - 1, new[1] - 1], centre, rtol=0, atol=1e-12)
    flipped = torch.cat((table[:-3].flip(0), table[-3:])).double()
    again = offsets(resize_relative_position_bias(flipped, RELEASED, new), new)
    torch.testing.assert_close(again, out.flip(0, 1), rtol=0, atol=1e-12)


def test_gradient_flows_to_the_table():
    table = torch.randn(table_length(4, 4), 2, requires_grad=True)
    resize_relative_position_bias(table, (4, 4), (6, 5)).sum().backward()
    # Every value of the new table is a mean with weights that sum to 1.
    assert table.grad[:-3].sum().item() == pytest.approx(2 * 11 * 9, rel=1e-6)
    assert torch.equal(table.grad[-3:], torch.ones(3, 2))


def test_wrong_table_names_both_sizes():
    with pytest.raises(ValueError, match=r'4x5 patches has 66 rows, got shape \(52, 2\)'):
        resize_relative_position_bias(torch.zeros(52, 2), (4, 5), (6, 6))
    with pytest.raises(ValueError, match='at least one patch'):
        resize_relative_position_bias(torch.zeros(52, 2), (4, 4), (0, 4))


@pytest.mark.parametrize('side', [1, 2, 14, 32])
def test_square_window_from_length(side):
    assert window_from_length(table_length(side, side)) == (side, side)


@pytest.mark.parametrize('rows', [0, 3, 5, 67, table_length(3, 5), 731])
def test_no_square_window(rows):
    with pytest.raises(ValueError, match='not that of a square window'):
        window_from_length(rows)


@pytest.mark.parametrize('window', [(14, 14), (3, 5), (5, 3), (2, 14), (1, 6), (1, 1)])
def test_window_from_index(window):
    assert window_from_index(index_by_loops(*window)) == window
    assert window_from_index(index_by_loops(*window).int()) == window


@pytest.mark.parametrize(
    'index',
    [index_by_loops(3, 3).T, index_by_loops(3, 3) + 1, torch.zeros(4, 5), torch.zeros(1, 1)],
)
def test_foreign_index(index):
    with pytest.raises(ValueError, match='as BEiT does'):
        window_from_index(index)
