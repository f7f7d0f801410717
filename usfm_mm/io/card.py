"""What a checkpoint of ours tells of itself: what an image needs, and what the answer means."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

CARD_KEY = 'usfm_card'
TASKS = ('pretrain', 'segment', 'classify', 'enhance')


@dataclass
class Card:
    """The card of a model.

    Attributes:
        task: ``'pretrain'``, ``'segment'``, ``'classify'`` or ``'enhance'``.
        arch: Size of the encoder, by name or as a dict; of others, their type.
        image_size: Height and width of the images that the network takes, pixels; None for any.
        channels: Channels of these, 1 or 3 (RGB).
        mean: What is subtracted from the intensities (0 to 255) of each channel.
        std: What the difference is divided by.
        classes: Names, in the order of their numbers; empty where there are none.
        palette: RGB colour of each class; empty where there is none.
        data: What it was trained on: ``name``, ``images`` (their number), ``organs`` (names) and
            ``licence``, as far as known.
        versions: Of the packages that it was trained with, by name.
        commit: Of usfm_mm, where it ran from a clone.
        config: ``default_scope``, ``image_size``, ``model`` and ``data_preprocessor`` of the
            config, without paths: what the model is built from.
        kind: What a classifier answers: ``'class'``, one of ``classes``; ``'labels'``, which of
            them are there; ``'values'``, a number for each.
        clip_frames: Frames that a classifier of clips looks at, spread evenly; None: each image
            for itself.
        features: What an exported encoder makes its vector of: ``'mean+std'`` of the patch tokens,
            or ``'mean'``; None of a model that is not exported, which can give both.

    Example:
        >>> card = Card('pretrain', 'tiny', (112, 112), 1, [55.0], [50.0])
        >>> Card.from_dict(card.to_dict()) == card
        True
    """

    task: str
    arch: str | dict[str, int]
    image_size: tuple[int, int] | None
    channels: int
    mean: list[float]
    std: list[float]
    classes: list[str] = field(default_factory=list)
    palette: list[list[int]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    commit: str = ''
    config: dict[str, Any] = field(default_factory=dict)
    kind: str = 'class'
    clip_frames: int | None = None
    features: str | None = None

    @property
    def organs(self) -> list[str]:
        """Organs of the images that it was trained on, as far as known."""
        return self.data.get('organs') or []

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, strings and numbers, as JSON has them."""
        content = asdict(self)
        content['image_size'] = self.image_size and list(self.image_size)
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> 'Card':
        """Card of what :meth:`to_dict` gave; what a later version may have added is left out.

        Raises:
            ValueError: If a required entry is missing, or the task is none of ``TASKS``.
        """
        known = {f.name: content[f.name] for f in fields(cls) if f.name in content}
        size = known.get('image_size')
        try:
            card = cls(**{**known, 'image_size': size and (int(size[0]), int(size[1]))})
        except TypeError as error:
            raise ValueError(f'not a card of a model: {error}') from error
        if card.task not in TASKS:
            raise ValueError(f'not a card of a model: task is {card.task!r}, not one of {TASKS}')
        return card


def card_of(content: Any) -> Card | None:
    """Card in the content of a file; None where it has none.

    Args:
        content: What :func:`~usfm_mm.models.checkpoints.files.load_file` gave.

    Raises:
        ValueError: If it is not a card as ours are.
    """
    meta = content.get('meta') if isinstance(content, Mapping) else None
    found = meta.get(CARD_KEY) if isinstance(meta, Mapping) else None
    return Card.from_dict(found) if found else None
