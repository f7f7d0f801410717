"""A linear head that predicts numbers."""

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models import MultiLabelLinearClsHead
from mmpretrain.structures import DataSample
from torch import Tensor

from usfm_mm.registry import MODELS


@MODELS.register_module()
class RegressionHead(MultiLabelLinearClsHead):
    """mmpretrain's linear head of several outputs, for numbers such as an ejection fraction.

    The layer learns (value - mean) / std, and answers in the values' own unit.

    Args:
        num_classes: How many numbers, K.
        in_channels: Width of the features.
        mean: Of each number over the training set; taken from the data where ``fit_classes`` is on.
        std: Likewise; above 0.
        loss: Called with the layer's outputs and targets, both [B, K], and ``avg_factor`` = B, as
            mmpretrain's losses are.
        kwargs: Of ``MultiLabelLinearClsHead``.

    Raises:
        ValueError: ``mean`` or ``std`` has another length than ``num_classes``, or a ``std`` is not
            above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        loss: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if not len(mean) == len(std) == num_classes or min(std) <= 0:
            raise ValueError(
                f'num_classes={num_classes} numbers need as many mean and std, each std above 0; '
                f'got {list(mean)} and {list(std)}'
            )
        super().__init__(
            num_classes=num_classes,
            in_channels=in_channels,
            loss=loss or dict(type='usfm_mm.ValueL1Loss'),
            **kwargs,
        )
        self.register_buffer('mean', torch.tensor(mean, dtype=torch.float32))
        self.register_buffer('std', torch.tensor(std, dtype=torch.float32))

    def values(self, outputs: Tensor) -> Tensor:
        """Numbers in their own unit, of the layer's outputs [B, K]."""
        return outputs * self.std + self.mean

    def _get_loss(self, cls_score: Tensor, data_samples: list[DataSample], **kwargs: Any) -> dict:
        target = torch.stack([sample.gt_score for sample in data_samples])
        target = (target - self.mean) / self.std
        loss = self.loss_module(cls_score, target, avg_factor=len(target), **kwargs)
        return dict(loss=loss)

    def _get_predictions(
        self, cls_score: Tensor, data_samples: list[DataSample] | None
    ) -> list[DataSample]:
        samples = data_samples or [DataSample() for _ in cls_score]
        for sample, value in zip(samples, self.values(cls_score), strict=True):
            sample.set_pred_score(value)
        return samples


@MODELS.register_module()
class ValueL1Loss(torch.nn.Module):
    """Mean absolute difference, with mmpretrain's ``avg_factor`` in place of the batch's size.

    Example:
        >>> ValueL1Loss()(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 1.0]]), avg_factor=1)
        tensor(1.5000)
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, avg_factor: float | None = None) -> Tensor:
        """Of two [B, K] one number."""
        count = (len(pred) if avg_factor is None else avg_factor) * pred.shape[1]
        return self.loss_weight * (pred - target).abs().sum() / count
