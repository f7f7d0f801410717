"""Loading of pre-trained encoders: fit to the model, load, and report."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mmengine.logging import print_log
from torch import Tensor, nn

from usfm_mm.models.checkpoints.files import CheckpointError
from usfm_mm.models.checkpoints.layouts import (
    INDEX,
    SHARED_TABLE,
    TABLE,
    Checkpoint,
    expand_table,
    find_window,
    read_checkpoint,
    share_tables,
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


@dataclass
class LoadReport:
    """What became of a checkpoint.

    Attributes:
        source: File or address.
        layout: Key of ``checkpoint_layouts.LAYOUTS``.
        loaded: The model's weights that were filled.
        fresh: The model's weights that keep their initial values, with the reason.
        unused: The checkpoint's weights that were left out, with the reason.
        resized: The model's weights whose shape or place was changed on the way, with what was
            done.
    """

    source: str
    layout: str
    loaded: list[str] = field(default_factory=list)
    fresh: dict[str, str] = field(default_factory=dict)
    unused: dict[str, str] = field(default_factory=dict)
    resized: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Short table: one line for each reason."""
        lines = [
            f'Loaded {self.source}',
            f'  layout   {self.layout}',
            f'  loaded   {len(self.loaded)} weights',
        ]
        for title in ('resized', 'fresh', 'unused'):
            for reason, names in _by_reason(getattr(self, title)):
                lines.append(f'  {title:<8} {names}: {reason}')
        return '\n'.join(lines)


def load_pretrained(
    model: nn.Module, checkpoint: str, window: tuple[int, int] | None = None
) -> LoadReport:
    """Fill an encoder from a checkpoint of any known layout, and print what was done.

    Args:
        model: ``USFMViT`` or mmpretrain's ``BEiTViT``, initialised.
        checkpoint: Path or http(s) address.
        window: Grid (h, w) of the checkpoint's bias tables in patches, needed only where it is not
            square and the file holds no index buffer.

    Returns:
        The report, which is also logged.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it cannot be read, its layout is unknown, a weight of the encoder would
            stay unfilled or has another shape, or the file's encoder has one without a place.
    """
    weights, report = adapt_state_dict(read_checkpoint(checkpoint, window), model)
    result = model.load_state_dict(weights, strict=False)
    left = [k for k in result.missing_keys if k not in report.fresh and not k.endswith(INDEX)]
    if left or result.unexpected_keys:  # only if a hook of the model renames
        raise CheckpointError(f'{checkpoint}: not loaded {left}, {result.unexpected_keys}')
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
        model: ``USFMViT`` or ``BEiTViT``.

    Returns:
        State dict for ``model``, without index buffers, and the report.

    Raises:
        CheckpointError: As in :func:`load_pretrained`, naming every weight concerned.
    """
    own = {k: v for k, v in model.state_dict().items() if not k.endswith(INDEX)}
    report = LoadReport(checkpoint.source, checkpoint.layout)
    weights = _place_tables(checkpoint, own, report)
    _fit_shapes(weights, own, checkpoint, model, report)
    wrong = _problems(weights, own, report)
    if wrong:
        arch = ', '.join(f'{key}={value}' for key, value in checkpoint.arch.items())
        raise CheckpointError(
            f'{checkpoint.source} (layout {checkpoint.layout}) does not fit the model.\n'
            + '\n'.join(wrong)
            + f'\nThe checkpoint was made with arch=dict({arch}).'
        )
    report.unused.update((key, 'not part of the encoder') for key in checkpoint.others)
    report.loaded = [key for key in own if key in weights]
    return {key: weights[key] for key in report.loaded}, report


def resize_tables(state_dict: dict[str, Tensor], prefix: str, model: nn.Module) -> None:
    """Resize the bias tables in a state dict to a model's window, in place.

    For a hook before ``load_state_dict``, where a whole model saved at another image size is
    loaded. Index buffers of another window are replaced by the model's.

    Args:
        state_dict: With ``BEiTViT``'s names after ``prefix``.
        prefix: What precedes the encoder's names, such as ``'backbone.'``.
        model: The encoder; its ``patch_resolution`` is the window.

    Raises:
        CheckpointError: If the window of a table cannot be told.
    """
    own = model.state_dict()
    for name in [name for name in own if name.endswith(TABLE)]:
        key = prefix + name
        if key not in state_dict or state_dict[key].shape[1:] != own[name].shape[1:]:
            continue  # missing or of another arch: load_state_dict says so
        index_key = key.removesuffix(TABLE) + INDEX
        index = state_dict.get(index_key)
        new = _window(model)
        if index is None and len(state_dict[key]) == len(own[name]):
            continue
        try:
            old = find_window(state_dict[key], None if index is None else index.cpu())
        except ValueError as error:
            raise CheckpointError(f'{key}: {error}') from error
        if old != new:
            state_dict[key] = resize_relative_position_bias(state_dict[key], old, new)
            own_index = name.removesuffix(TABLE) + INDEX
            if index is not None and own_index in own:
                state_dict[index_key] = own[own_index]


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
        old, new = checkpoint.window, _window(model)
        if old is not None and old != new and weights[key].shape[1:] == own[key].shape[1:]:
            weights[key] = resize_relative_position_bias(weights[key], old, new)
            done = f'bias resized from {old[0]}x{old[1]} to {new[0]}x{new[1]} patches'
            before = report.resized.get(key)
            report.resized[key] = f'{before}, {done}' if before else done
    if PATCH_WEIGHT in weights and PATCH_WEIGHT in own:
        weight, channels = weights[PATCH_WEIGHT], own[PATCH_WEIGHT].shape[1]
        if (weight.shape[1], channels) == (3, 1):
            weights[PATCH_WEIGHT] = weight.sum(dim=1, keepdim=True)
            report.resized[PATCH_WEIGHT] = 'folded from 3 channels to 1 (sum)'
        elif (weight.shape[1], channels) == (1, 3):
            weights[PATCH_WEIGHT] = (weight / 3).repeat(1, 3, 1, 1)
            report.resized[PATCH_WEIGHT] = 'spread from 1 channel to 3 (a third each)'


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


def _window(model: Any) -> tuple[int, int]:
    height, width = model.patch_resolution
    return int(height), int(width)


def _shape(tensor: Tensor) -> str:
    return 'x'.join(str(side) for side in tensor.shape) or 'scalar'


def _by_reason(entries: dict[str, str]) -> Iterable[tuple[str, str]]:
    """Reasons, each with its weights, shortened to a few names."""
    groups: dict[str, list[str]] = {}
    for name, reason in entries.items():
        groups.setdefault(reason, []).append(name)
    for reason, names in groups.items():
        more = f' and {len(names) - 3} more' if len(names) > 3 else ''
        yield reason, ', '.join(names[:3]) + more
