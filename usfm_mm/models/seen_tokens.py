"""Some of the tokens of each image, and the bias between them."""

import torch
from torch import Tensor


def kept_tokens(x: Tensor, keep: Tensor, extra: int) -> tuple[Tensor, Tensor]:
    """Take some patch tokens of each image.

    Args:
        x: Tokens ``[B, extra + hw, D]``.
        keep: Numbers of the patch tokens to take, ``[B, n]``, 0 to hw - 1.
        extra: Tokens before those of patches, which are taken too.

    Returns:
        Tokens ``[B, extra + n, D]``, and their numbers in x, ``[B, extra + n]``.

    Example:
        >>> x = torch.arange(5.0).view(1, 5, 1)
        >>> tokens, numbers = kept_tokens(x, torch.tensor([[3, 0]]), extra=1)
        >>> tokens.flatten().tolist(), numbers.tolist()
        ([0.0, 4.0, 1.0], [[0, 4, 1]])
    """
    first = torch.arange(extra, device=keep.device).expand(len(keep), -1)
    numbers = torch.cat((first, keep + extra), dim=1)
    return x.gather(1, numbers.unsqueeze(-1).expand(-1, -1, x.shape[-1])), numbers


def kept_bias(bias: Tensor, numbers: Tensor) -> Tensor:
    """Bias between the tokens that each image keeps.

    Args:
        bias: Between all tokens, ``[heads, N, N]``.
        numbers: Of :func:`kept_tokens`, ``[B, n]``.

    Returns:
        ``[B, heads, n, n]``.
    """
    return bias[:, numbers[:, :, None], numbers[:, None, :]].transpose(0, 1)
