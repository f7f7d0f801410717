"""What exported models of all runtimes share: a graph from uint8 images to answers, with a card."""

from typing import Any

import numpy as np

from usfm_mm.inference.prepare import prepare_for_features
from usfm_mm.io.card import Card


class ExportedModel:
    """A network with its card, as the functions of :mod:`usfm_mm.apis` take it.

    Attributes:
        card: What an image needs on its way in, and what the answer means.
    """

    card: Card

    def answer(self, images: np.ndarray) -> np.ndarray:
        """What the graph makes of uint8 [B, C, height, width]: float32 [B, ...]."""
        raise NotImplementedError

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Answers of a task's model; see :class:`~usfm_mm.inference.predict.Model`.

        Raises:
            ValueError: If it is an encoder.
        """
        if self.card.task == 'pretrain':
            raise ValueError('an exported encoder gives no answers of its own: take its features')
        return self.answer(images)

    def rebuild(self, *_: Any) -> Any:
        """Not in the graph.

        Raises:
            ValueError: Always.
        """
        raise ValueError('an exported encoder cannot reconstruct: take the checkpoint')

    def shares(self, images: np.ndarray) -> np.ndarray:
        """Not in the graph.

        Raises:
            ValueError: Always.
        """
        raise ValueError('an exported model shows no attention: take occlusion, or the checkpoint')

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """uint8 [H, W] or [H, W, 3] to uint8 [C, height, width], for features."""
        assert self.card.image_size is not None
        return prepare_for_features(image, self.card.channels, self.card.image_size)

    @property
    def features(self) -> str:
        """What the graph makes vectors of; files from before 0.3 do not tell, and take the mean."""
        return self.card.features or 'mean'  # exported before it was noted

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Feature vectors float32 [B, 2 D] of uint8 [B, C, height, width].

        Raises:
            ValueError: If it is no encoder.
        """
        if self.card.task != 'pretrain':
            raise ValueError(
                f'an exported model for {self.card.task!r} gives no features: export the '
                'pre-trained one, or take the checkpoint'
            )
        return self.answer(images)
