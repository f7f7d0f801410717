"""Classifiers of clips: frames through the encoder one by one, their features pooled."""

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models import ClsDataPreprocessor, ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor

from usfm_mm.registry import MODELS


@MODELS.register_module()
class ClipDataPreprocessor(ClsDataPreprocessor):
    """mmpretrain's, for items of several frames.

    A batch is a list of uint8 [N_i, C, H, W]; the model gets their frames in one row,
    [sum of N_i, C, H, W], and in each data sample ``num_frames``, the N_i. Arguments are those of
    ``ClsDataPreprocessor``; batch augmentations, which mix items, are refused.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise the frames.

        Raises:
            ValueError: If there are batch augmentations.
        """
        if self.batch_augments is not None:
            raise ValueError('batch_augments mix images, not clips: leave them out')
        clips, samples = data['inputs'], data.get('data_samples')
        frames = [frame for clip in clips for frame in clip]
        if samples is not None:
            for clip, sample in zip(clips, samples, strict=True):
                sample.set_field(len(clip), 'num_frames', field_type='metainfo')
        return super().forward(dict(data, inputs=frames), training)


@MODELS.register_module()
class ClipClassifier(ImageClassifier):
    """mmpretrain's classifier, for items of several frames; an image is an item of one.

    The encoder and the neck see each frame for itself; ``pooling`` makes one feature vector of
    those of a clip, and any head of mmpretrain for vectors answers about that.

    Args:
        pooling: Config of ``usfm_mm.MeanFrames`` or ``usfm_mm.AttentionFrames``.
        kwargs: Of ``ImageClassifier``.
    """

    def __init__(self, *args: Any, pooling: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pooling = MODELS.build(pooling or dict(type='usfm_mm.MeanFrames'))

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict:
        """Losses of the head.

        Args:
            inputs: Frames of all items, [F, C, H, W].
            data_samples: Of the items, each with ``num_frames``.
        """
        return self.head.loss(self.pooled(inputs, counts_of(data_samples)), data_samples)

    def predict(
        self, inputs: Tensor, data_samples: list[DataSample] | None = None, **kwargs: Any
    ) -> list[DataSample]:
        """Answers about items; without data samples each frame is an item."""
        counts = [1] * len(inputs) if data_samples is None else counts_of(data_samples)
        return self.head.predict(self.pooled(inputs, counts), data_samples, **kwargs)

    def pooled(self, inputs: Tensor, counts: Sequence[int]) -> tuple[Tensor]:
        """Feature vectors of items.

        Args:
            inputs: Frames of all items in a row, [F, C, H, W].
            counts: Frames of each item, adding up to F.

        Returns:
            [B, D], in a tuple as heads take it.
        """
        vectors = self.extract_feat(inputs)[-1]
        return (torch.stack([self.pooling(own) for own in vectors.split(list(counts))]),)

    def forward_clips(self, inputs: Tensor, counts: Sequence[int]) -> Tensor:
        """What the head's last layer gives about items, [B, K]; arguments as in :meth:`pooled`."""
        return self.head(self.pooled(inputs, counts))


def counts_of(data_samples: Sequence[DataSample]) -> list[int]:
    """Frames of each item."""
    return [int(sample.num_frames) for sample in data_samples]
