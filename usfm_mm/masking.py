"""Spatial-frequency dual masking, Eq. 2-8 of the paper, as pure functions.

Images are float tensors ``[B, C, H, W]`` of intensities in [0, 1], before mean/std normalisation.
Everything runs on the images' device; Fourier transforms run in float32 (float64 for float64
images) also under autocast.
"""

import torch
from torch import Tensor


def spatial_mean_mask(images: Tensor, patch_mask: Tensor) -> Tensor:
    """Fill masked patches with the mean of their image (Eq. 2).

    The mean is taken over the whole original image, per channel.

    Args:
        images: ``[B, C, H, W]``, float, in [0, 1].
        patch_mask: ``[B, h, w]`` bool, True where masked; h divides H and w divides W.

    Returns:
        Masked images, ``[B, C, H, W]``.

    Raises:
        ValueError: If the shapes do not fit or the images are not floating point.

    Example:
        >>> image = torch.tensor([[[[0.0, 1.0], [0.5, 0.5]]]])
        >>> spatial_mean_mask(image, torch.tensor([[[True, False], [False, False]]]))
        tensor([[[[0.5000, 1.0000],
                  [0.5000, 0.5000]]]])
    """
    return torch.where(pixel_mask(images, patch_mask), _image_mean(images), images)


def band_edges(num_bands: int = 7, first: int = 5) -> tuple[int, ...]:
    """Radii between which the frequency bands lie, in cycles per image.

    The first band has width ``first``; then each edge is the one before plus half of it, rounded
    down, so that bands widen with frequency as the paper asks (4.2). The paper prints no values;
    this is the rule left in the authors' released code that gives seven bands at 224 pixels with a
    protected radius of 5: (5, 10, 15, 22, 33, 49, 73, 109).

    Args:
        num_bands: Number of bands, at least 1.
        first: First edge and first width, at least 2 (below that the rule stands still).

    Returns:
        ``num_bands + 1`` increasing radii.

    Raises:
        ValueError: If an argument is below its minimum.

    Example:
        >>> band_edges()
        (5, 10, 15, 22, 33, 49, 73, 109)
    """
    if num_bands < 1 or first < 2:
        raise ValueError(
            f'band_edges needs num_bands >= 1 and first >= 2, got {num_bands} and {first}'
        )
    edges = [first, 2 * first]
    while len(edges) <= num_bands:
        edges.append(edges[-1] + edges[-1] // 2)
    return tuple(edges)


@torch.compiler.disable  # its result is Python's, and depends on values
def empty_bands(
    height: int, width: int, edges: tuple[float, ...], protect: int = 5
) -> tuple[int, ...]:
    """Bands without a frequency: masking them leaves an image of this size as it is.

    The highest frequencies of an image lie at the radius ``sqrt(height^2 + width^2) / 2``, so that
    at 64 pixels the last two of the seven default bands are empty.

    Args:
        height: Of the image, pixels.
        width: Likewise.
        edges: As in :func:`band_stop_mask`.
        protect: As in :func:`band_stop_mask`.

    Returns:
        Numbers of the empty bands, from 0, increasing.

    Example:
        >>> empty_bands(64, 64, band_edges())
        (5, 6)
    """
    found = _band_map(height, width, edges, protect, torch.device('cpu')).unique().tolist()
    return tuple(band for band in range(len(edges) - 1) if band not in found)


def band_stop_mask(
    images: Tensor,
    bands: Tensor,
    edges: tuple[float, ...] | None = None,
    protect: int = 5,
) -> Tensor:
    """Remove frequency bands (Eq. 3-7).

    Band *k* is the annulus ``edges[k] < rho <= edges[k + 1]`` with ``rho = sqrt(u^2 + v^2)`` and
    u, v whole frequency indices. The square ``max(|u|, |v|) <= protect`` is never removed (the
    paper's 10x10 centre, made symmetric about DC because the result must be a real image). What
    lies above the last edge is kept. The result is the real inverse transform, so it may leave
    [0, 1]; folding negative values with ``abs``, as a fragment of the released code does, would
    not be the inverse of Eq. 3.

    Args:
        images: ``[B, C, H, W]``, float, in [0, 1].
        bands: ``[B, num_bands]`` bool, True = stopped; shared by an image's channels.
        edges: ``num_bands + 1`` increasing radii; by default ``band_edges(num_bands)``.
        protect: Half side of the protected square, in cycles per image.

    Returns:
        Filtered images, ``[B, C, H, W]``, in the images' dtype (float32 for half precision).

    Raises:
        ValueError: If the shapes do not fit or the images are not floating point.

    Example:
        >>> wave = torch.cos(torch.arange(64) * 2 * torch.pi * 8 / 64).expand(1, 1, 64, 64)
        >>> stopped = band_stop_mask(wave, torch.tensor([[True] + 6 * [False]]))  # band 5 to 10
        >>> bool(stopped.abs().max() < 1e-5)
        True
    """
    _check_images(images)
    if bands.ndim != 2 or bands.shape[0] != images.shape[0] or bands.dtype != torch.bool:
        raise ValueError(
            f'bands must be bool [{images.shape[0]}, num_bands] for images '
            f'{tuple(images.shape)}, got {bands.dtype} {tuple(bands.shape)}'
        )
    num_bands = bands.shape[1]
    edges = band_edges(num_bands) if edges is None else tuple(edges)
    if len(edges) != num_bands + 1 or any(a >= b for a, b in zip(edges, edges[1:], strict=False)):
        raise ValueError(f'edges must be {num_bands + 1} increasing radii, got {edges}')
    height, width = images.shape[-2:]
    band_of = _band_map(height, width, edges, protect, images.device)  # [H, W // 2 + 1]
    # One extra column, never stopped, stands for frequencies outside every band.
    keep = torch.nn.functional.pad(~bands, (0, 1), value=True)[:, band_of]  # [B, H, W // 2 + 1]
    pixels = images if images.dtype == torch.float64 else images.float()
    spectrum = torch.fft.rfft2(pixels) * keep.unsqueeze(1)
    return torch.fft.irfft2(spectrum, s=(height, width))


def dual_mask(
    images: Tensor,
    patch_mask: Tensor,
    bands: Tensor,
    edges: tuple[float, ...] | None = None,
    protect: int = 5,
) -> Tensor:
    """Mask in space and frequency (Eq. 8).

    The band-stop filtered image, and in masked patches the mean of the original image.

    Args:
        images: ``[B, C, H, W]``, float, in [0, 1].
        patch_mask: ``[B, h, w]`` bool, True where masked; h divides H and w divides W.
        bands: ``[B, num_bands]`` bool, True = stopped.
        edges: As in :func:`band_stop_mask`.
        protect: As in :func:`band_stop_mask`.

    Returns:
        Dual-masked images, ``[B, C, H, W]``.

    Raises:
        ValueError: If the shapes do not fit or the images are not floating point.
    """
    mask = pixel_mask(images, patch_mask)
    filtered = band_stop_mask(images, bands, edges, protect)
    return torch.where(mask, _image_mean(images), filtered)


def _check_images(images: Tensor) -> None:
    if images.ndim != 4 or not images.is_floating_point():
        raise ValueError(
            'images must be a float tensor [B, C, H, W] with values in [0, 1], got '
            f'{images.dtype} {tuple(images.shape)}'
        )


def _image_mean(images: Tensor) -> Tensor:
    return images.mean(dim=(-2, -1), keepdim=True)


def pixel_mask(images: Tensor, patch_mask: Tensor) -> Tensor:
    """Patch mask ``[B, h, w]`` as a pixel mask ``[B, 1, H, W]`` of images ``[B, C, H, W]``.

    Raises:
        ValueError: If the shapes do not fit, the mask is not bool or the images not floating point.
    """
    _check_images(images)
    if patch_mask.ndim != 3 or patch_mask.shape[0] != images.shape[0]:
        raise ValueError(
            f'patch_mask must be [{images.shape[0]}, h, w] for images {tuple(images.shape)}, '
            f'got {tuple(patch_mask.shape)}'
        )
    (height, width), (rows, columns) = images.shape[-2:], patch_mask.shape[-2:]
    if patch_mask.dtype != torch.bool or height % rows or width % columns:
        raise ValueError(
            f'patch_mask must be bool with a grid that divides {height}x{width}, got '
            f'{patch_mask.dtype} {rows}x{columns}'
        )
    mask = patch_mask.repeat_interleave(height // rows, dim=1)
    return mask.repeat_interleave(width // columns, dim=2).unsqueeze(1)


def _band_map(
    height: int, width: int, edges: tuple[float, ...], protect: int, device: torch.device
) -> Tensor:
    """Band number of each frequency of the half spectrum; ``len(edges) - 1`` = in no band."""
    u = torch.arange(height, device=device)[:, None]
    u = torch.minimum(u, height - u)  # its sign does not matter
    v = torch.arange(width // 2 + 1, device=device)[None, :]
    # Squares are whole numbers, so that a frequency on an edge falls on its exact side.
    limits = torch.tensor([int(min(edge * edge, 2**53)) for edge in edges], device=device)
    band = torch.bucketize(u.square() + v.square(), limits) - 1
    outside = (band < 0) | (torch.maximum(u, v) <= protect)
    return band.masked_fill(outside, len(edges) - 1)
