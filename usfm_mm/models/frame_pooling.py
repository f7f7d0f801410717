"""One feature vector of those of a clip's frames."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from usfm_mm.registry import MODELS


@MODELS.register_module()
class MeanFrames(BaseModule):
    """The mean over the frames.

    Example:
        >>> MeanFrames()(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([2., 3.])
    """

    def forward(self, vectors: Tensor) -> Tensor:
        """Of [N, D] make [D]."""
        return vectors.mean(dim=0)


@MODELS.register_module()
class AttentionFrames(BaseModule):
    """A weighted mean, whose weights are learned from the frames themselves.

    The weight of frame n is softmax_n(wᵀ tanh(V h_n)): attention-based multiple-instance pooling,
    Ilse et al., ICML 2018, Eq. 8. It begins as the mean.

    Args:
        in_channels: Width D of the features.
        hidden: Rows of V.

    Example:
        >>> AttentionFrames(in_channels=2)(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([2., 3.], grad_fn=<SumBackward1>)
    """

    def __init__(self, in_channels: int, hidden: int = 128, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.hidden = nn.Linear(in_channels, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def weights(self, vectors: Tensor) -> Tensor:
        """Of [N, D] the weights [N, 1], which add up to 1."""
        return self.score(torch.tanh(self.hidden(vectors))).softmax(dim=0)

    def forward(self, vectors: Tensor) -> Tensor:
        """Of [N, D] make [D]."""
        return (self.weights(vectors) * vectors).sum(dim=0)
