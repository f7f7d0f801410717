"""The encoder's sizes and blocks."""

from collections.abc import Sequence

from mmpretrain.models.backbones.beit import BEiTViT

ARCHS = {
    name: dict(embed_dims=dims, num_layers=layers, num_heads=heads, feedforward_channels=4 * dims)
    for name, dims, layers, heads in (
        ('tiny', 192, 12, 3),
        ('small', 384, 12, 6),
        ('base', 768, 12, 12),
        ('large', 1024, 24, 16),
        ('huge', 1280, 32, 16),
    )
}
# BEiTViT's own 'small' is no ViT-S, but 768 wide with 8 blocks.
_ALIASES = {
    **{name[0]: arch for name, arch in ARCHS.items()},
    **{name: arch for name, arch in BEiTViT.arch_zoo.items() if '-' in name},
}


def find_arch(arch: str | dict[str, int]) -> dict[str, int]:
    """Settings of an arch by its name, in any case, or as they are given.

    Raises:
        ValueError: If there is no such name.

    Example:
        >>> find_arch('Tiny')['num_heads']
        3
    """
    if not isinstance(arch, str):
        return arch
    known = {**ARCHS, **_ALIASES}
    if arch.lower() not in known:
        raise ValueError(f'arch must be a dict or one of {list(ARCHS)}, got {arch!r}')
    return known[arch.lower()]


def find_blocks(out_indices: int | Sequence[int], depth: int) -> list[int]:
    """Numbers of blocks from 0 that ``out_indices`` names, which may count from the end.

    Raises:
        ValueError: If a block is not there, or named twice.

    Example:
        >>> find_blocks([3, -1], depth=12)
        [3, 11]
    """
    chosen = [out_indices] if isinstance(out_indices, int) else list(out_indices)
    blocks = [index % depth for index in chosen if -depth <= index < depth]
    if len(set(blocks)) < len(chosen):
        raise ValueError(
            f'out_indices must name blocks of 0 to {depth - 1}, each once, got {out_indices}'
        )
    return blocks


def find_side(patch_size: int | Sequence[int]) -> int:
    """Side of a patch, given once or for height and width.

    Raises:
        ValueError: If it is not square.
    """
    sides = {patch_size} if isinstance(patch_size, int) else set(patch_size)
    if len(sides) != 1:
        raise ValueError(f'patches must be square, got patch_size={patch_size}')
    return sides.pop()
