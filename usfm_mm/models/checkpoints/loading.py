"""Loading of pre-trained encoders: fit to the model, load, and report."""

import math
from typing import Any

from mmengine.logging import print_log
from mmpretrain.models.utils import resize_pos_embed
from torch import Tensor, nn

from usfm_mm.models.checkpoints.files import CheckpointError
from usfm_mm.models.checkpoints.reading import Checkpoint, is_vit, read_checkpoint
from usfm_mm.models.checkpoints.report import LoadReport
from usfm_mm.models.checkpoints.tables import (
    INDEX,
    SHARED_TABLE,
    TABLE,
    expand_table,
    share_tables,
    window_of,
)
from usfm_mm.models.rel_pos_bias import resize_relative_position_bias

PATCH_WEIGHT = 'patch_embed.projection.weight'

# Weights of the model that a checkpoint may lack, and why that is no fault of the file.
MAY_START_FRESH = {
    'ln2': 'norm after average pooling: belongs to the classifier, not to pre-training',
    'mask_token': 'only masked pre-training uses it',
}
# Weights of a checkpoint that the model may lack, and why its function does not change.
MAY_STAY_UNUSED = {
    'ln1': 'norm after the last block: the model has final_norm=False',
    'ln2': 'norm after average pooling: the model does not pool',
    'mask_token': 'only masked pre-training uses it',
}

_KINDS = {
    False: ('a BEiT with relative position bias', "type='usfm_mm.USFMViT'"),
    True: (
        'a ViT with absolute position embedding (as of timm, DeiT or MAE)',
        "usfm convert SRC DST --to mmpretrain and type='mmpretrain.VisionTransformer'",
    ),
}


def load_pretrained(
    model: nn.Module,
    checkpoint: str | Checkpoint,
    window: tuple[int, int] | None = None,
    prefix: str = '',
) -> LoadReport:
    """Fill an encoder from a checkpoint of any known layout, and print what was done.

    Args:
        model: ``USFMViT``, or mmpretrain's ``BEiTViT`` or ``VisionTransformer``, initialised.
        checkpoint: Path or http(s) address, or what :func:`read_checkpoint` gave.
        window: As in :func:`read_checkpoint`.
        prefix: As in :func:`read_checkpoint`.

    Returns:
        The report, which is also logged.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it cannot be read, its layout is unknown, a weight of the encoder would
            stay unfilled or has another shape, or the file's encoder has one without a place.
    """
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = read_checkpoint(checkpoint, window, prefix)
    weights, report = adapt_state_dict(checkpoint, model)
    result = model.load_state_dict(weights, strict=False)
    left = [k for k in result.missing_keys if k not in report.fresh and not k.endswith(INDEX)]
    if left or result.unexpected_keys:  # only if a hook of the model renames
        raise CheckpointError(f'{checkpoint.source}: not loaded {left}, {result.unexpected_keys}')
    print_log(str(report), logger='current')
    return report


def adapt_state_dict(
    checkpoint: Checkpoint, model: nn.Module
) -> tuple[dict[str, Tensor], LoadReport]:
    """Weights of a checkpoint in the shapes and places of a model; the model is not touched.

    A shared bias table is copied to the blocks where these have their own, tables are resized to
    the model's window, and the patch embedding is folded from 3 channels to 1 (sum: the same
    function of a grey image) or spread from 1 to 3 (a third each: the same function of equal
    channels).

    Args:
        checkpoint: What :func:`read_checkpoint` gave.
        model: As in :func:`load_pretrained`.

    Returns:
        State dict for ``model``, without index buffers, and the report.

    Raises:
        CheckpointError: As in :func:`load_pretrained`, naming every weight concerned.
    """
    own = {k: v for k, v in model.state_dict().items() if not k.endswith(INDEX)}
    arch = ', '.join(f'{key}={value}' for key, value in checkpoint.arch.items())
    if checkpoint.is_vit != is_vit(own):
        kind, fitting = _KINDS[checkpoint.is_vit]
        raise CheckpointError(
            f'{checkpoint.source} (layout {checkpoint.layout}) is {kind}, which '
            f'{type(model).__name__} is not: use {fitting} with arch=dict({arch})'
        )
    report = LoadReport(checkpoint.source, checkpoint.layout)
    weights = _place_tables(checkpoint, own, report)
    _fit_shapes(weights, own, checkpoint, model, report)
    wrong = _problems(weights, own, report)
    if wrong:
        raise CheckpointError(
            f'{checkpoint.source} (layout {checkpoint.layout}) does not fit the model.\n'
            + '\n'.join(wrong)
            + f'\nThe checkpoint was made with arch=dict({arch}).'
        )
    report.unused.update((key, 'not part of the encoder') for key in checkpoint.others)
    report.loaded = [key for key in own if key in weights]
    return {key: weights[key] for key in report.loaded}, report


def _place_tables(
    checkpoint: Checkpoint, own: dict[str, Tensor], report: LoadReport
) -> dict[str, Tensor]:
    encoder = checkpoint.encoder
    tables = [key for key in own if key.endswith(TABLE)]
    if SHARED_TABLE in encoder and tables and SHARED_TABLE not in own:
        report.resized.update((key, 'copied from the shared bias table') for key in tables)
        return expand_table(encoder)
    if SHARED_TABLE in own and SHARED_TABLE not in encoder:
        shared = share_tables(encoder, checkpoint.source)
        if SHARED_TABLE in shared:
            report.resized[SHARED_TABLE] = 'the equal tables of all blocks'
        return shared
    return dict(encoder)


def _fit_shapes(
    weights: dict[str, Tensor],
    own: dict[str, Tensor],
    checkpoint: Checkpoint,
    model: nn.Module,
    report: LoadReport,
) -> None:
    """Resize the bias tables and fold or spread the channels, in place."""
    for key in [key for key in weights if key.endswith(TABLE) and key in own]:
        old, new = checkpoint.window, window_of(model)
        if old is not None and old != new and weights[key].shape[1:] == own[key].shape[1:]:
            weights[key] = resize_relative_position_bias(weights[key], old, new)
            done = f'bias resized from {old[0]}x{old[1]} to {new[0]}x{new[1]} patches'
            before = report.resized.get(key)
            report.resized[key] = f'{before}, {done}' if before else done
    if 'pos_embed' in weights and 'pos_embed' in own:
        _fit_position_embedding(weights, model, report)
    if PATCH_WEIGHT in weights and PATCH_WEIGHT in own:
        weight, channels = weights[PATCH_WEIGHT], own[PATCH_WEIGHT].shape[1]
        if (weight.shape[1], channels) == (3, 1):
            weights[PATCH_WEIGHT] = weight.sum(dim=1, keepdim=True)
            report.resized[PATCH_WEIGHT] = 'folded from 3 channels to 1 (sum)'
        elif (weight.shape[1], channels) == (1, 3):
            weights[PATCH_WEIGHT] = (weight / 3).repeat(1, 3, 1, 1)
            report.resized[PATCH_WEIGHT] = 'spread from 1 channel to 3 (a third each)'


def _fit_position_embedding(weights: dict[str, Tensor], model: Any, report: LoadReport) -> None:
    """Resize it, bicubically as mmpretrain does, where the file's grid is square."""
    value, new = weights['pos_embed'], window_of(model)
    side = math.isqrt(max(value.shape[1] - 1, 0))
    if side**2 + 1 == value.shape[1] and new != (side, side) and model.num_extra_tokens == 1:
        weights['pos_embed'] = resize_pos_embed(value, (side, side), new)
        done = f'resized from {side}x{side} to {new[0]}x{new[1]} patches'
        report.resized['pos_embed'] = done


def _problems(weights: dict[str, Tensor], own: dict[str, Tensor], report: LoadReport) -> list[str]:
    """What does not fit, as lines of a message; what may differ goes to the report."""
    missing, homeless, shapes = [], [], []
    for key, value in own.items():
        part = key.split('.')[0]
        if key in weights:
            if weights[key].shape != value.shape:
                shapes.append(f'{key} is {_shape(weights[key])}, the model has {_shape(value)}')
        elif part in MAY_START_FRESH:
            report.fresh[key] = MAY_START_FRESH[part]
        else:
            missing.append(key)
    for key in weights:
        if key in own:
            continue
        part = key.split('.')[0]
        if part in MAY_STAY_UNUSED:
            report.unused[key] = MAY_STAY_UNUSED[part]
        else:
            homeless.append(key)
    wrong = []
    if missing:
        hint = ' (leave out final_norm=True)' if 'ln1.weight' in missing else ''
        wrong.append(f'{len(missing)} weights would stay unfilled{hint}: {", ".join(missing)}')
    if homeless:
        hint = ' (set use_abs_pos_emb=True)' if 'pos_embed' in homeless else ''
        wrong.append(
            f'{len(homeless)} weights have no place in the model, and leaving them out would '
            f'change what the encoder computes{hint}: {", ".join(homeless)}'
        )
    if shapes:
        wrong.append(
            f'{len(shapes)} weights have another shape (set arch=, patch_size= and in_channels= '
            'as in the checkpoint): ' + '; '.join(shapes)
        )
    return wrong


def _shape(tensor: Tensor) -> str:
    return 'x'.join(str(side) for side in tensor.shape) or 'scalar'
