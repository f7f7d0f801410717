"""An encoder in another layout."""

from typing import Any

from usfm_mm.models.checkpoints.files import CheckpointError
from usfm_mm.models.checkpoints.layouts import LAYOUTS, rename
from usfm_mm.models.checkpoints.reading import Checkpoint
from usfm_mm.models.checkpoints.tables import TABLE, expand_table, index_key, share_tables
from usfm_mm.models.rel_pos_bias import relative_position_index


def write_layout(checkpoint: Checkpoint, layout: str) -> tuple[dict[str, Any], list[str]]:
    """Content of a file in another layout.

    Args:
        checkpoint: What was read.
        layout: Key of ``LAYOUTS``.

    Returns:
        What to save, and the names of the weights that have no place in it.

    Raises:
        CheckpointError: If the layout is unknown, or cannot hold the bias tables.
    """
    if layout not in LAYOUTS:
        raise CheckpointError(f'unknown layout {layout!r}, known are {", ".join(LAYOUTS)}')
    if checkpoint.is_vit and layout != 'mmpretrain':
        raise CheckpointError(
            f'{checkpoint.source} is a ViT with absolute position embedding, which layout '
            f'{layout!r} cannot hold: convert to mmpretrain, for its VisionTransformer'
        )
    target = LAYOUTS[layout]
    encoder = dict(checkpoint.encoder)
    if target.tables == 'shared':
        encoder = share_tables(encoder, checkpoint.source)
    elif target.tables == 'block':
        encoder = expand_table(encoder)
    if checkpoint.window is not None:
        for key in [key for key in encoder if key.endswith(TABLE)]:
            encoder[index_key(key)] = relative_position_index(*checkpoint.window)
    back = tuple((ours, theirs) for theirs, ours in target.names)
    weights = {target.prefixes[0] + rename(key, back): value for key, value in encoder.items()}
    dropped = []
    has_decoder = checkpoint.layout in LAYOUTS and LAYOUTS[checkpoint.layout].decoder
    for key, value in checkpoint.others.items():
        name = key.removeprefix('model.')
        if target.decoder and has_decoder and name.startswith('decoder.'):
            weights[name] = value
        else:
            dropped.append(key)
    if target.wrapper is None:
        return weights, dropped
    # The mark tells our files from mmpretrain's, which have the same names.
    return {target.wrapper: weights, 'meta': {'layout': layout}}, dropped
