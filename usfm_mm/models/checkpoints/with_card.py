"""Files of ours, which tell of themselves; others are refused as what they are."""

import os
from collections.abc import Mapping
from typing import Any

from usfm_mm.io.card import Card, card_of
from usfm_mm.models.checkpoints.files import CheckpointError, load_file
from usfm_mm.models.checkpoints.reading import parse_checkpoint


def load_with_card(source: str | os.PathLike) -> tuple[dict[str, Any], Card]:
    """Read a file of ours that tells of itself.

    Args:
        source: See :func:`~usfm_mm.models.checkpoints.files.load_file`.

    Returns:
        What was saved, with ``state_dict``, and the card.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it cannot be read, or has no card as ours are.
    """
    content = load_file(source)
    try:
        card = card_of(content)
    except ValueError as error:
        raise CheckpointError(f'{source}: {error}') from error
    if card is None:
        raise CheckpointError(f'{source} {_what(content, str(source))}')
    return content, card


def _what(content: Any, source: str) -> str:
    """What a file without a card is, and what it is good for."""
    meta = content.get('meta') if isinstance(content, Mapping) else None
    if isinstance(meta, Mapping) and 'mmengine_version' in meta:
        return (
            'is a checkpoint of OpenMMLab and has no card: it was not saved by usfm_mm 0.2 or '
            'later. Test it with its config ("usfm test"), or take its encoder (load_backbone, '
            '"usfm convert")'
        )
    try:
        layout = parse_checkpoint(content, source).layout
    except CheckpointError as error:
        reason = str(error).removeprefix(source).removeprefix(':').strip()
        return (
            f'has no card, and is no file of usfm_mm: {reason}. Name a checkpoint of "usfm train" '
            'or a file of "usfm publish"'
        )
    return (
        f'has no card: it is an encoder alone, in the layout {layout}, without a task. "usfm '
        'extract-features" and load_backbone take it, and "usfm train CONFIG --weights '
        f'{source}" makes a model of it'
    )
