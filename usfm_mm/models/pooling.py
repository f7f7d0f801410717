"""How the patch tokens of an image become its feature vector: one place for all that pool."""

import torch
from torch import Tensor

from usfm_mm.inference.feature_space import FEATURES, check_kind


def pool_map(tokens: Tensor, kind: str = FEATURES) -> Tensor:
    """Feature vectors of maps of patch tokens.

    The mean alone says of an encoder that was pre-trained by reconstruction mostly how bright the
    image is; the spread of the tokens over the image says what is in it. Measured in
    ``docs/features.md``.

    Args:
        tokens: ``[B, D, h, w]``.
        kind: ``'mean+std'`` or ``'mean'``.

    Returns:
        float32 ``[B, 2 D]``, the means and then the standard deviations (divided by h·w) over the
        patches; ``[B, D]`` for ``'mean'``.

    Raises:
        ValueError: For another kind.

    Example:
        >>> pool_map(torch.tensor([[[[1.0, 3.0]], [[5.0, 5.0]]]]))
        tensor([[2., 5., 1., 0.]])
    """
    check_kind(kind)
    tokens = tokens.float()
    mean = tokens.mean(dim=(2, 3))
    if kind == 'mean':
        return mean
    # Written out: exporters know each of these operations.
    spread = (tokens - mean[:, :, None, None]).square().mean(dim=(2, 3)).sqrt()
    return torch.cat([mean, spread], dim=1)
