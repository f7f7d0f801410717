"""mmengine's log history in checkpoints: plain, and resumed without false alarm."""

import torch
from mmengine.logging import HistoryBuffer


def forget_unsaved(checkpoint: dict) -> None:
    """Take what is not to be resumed off a checkpoint's list of what is.

    mmengine lists scalars logged with ``resumed=False`` among the resumed keys, saves no values of
    them, and warns of each at every resuming (mmengine/logging/message_hub.py, state_dict).

    Args:
        checkpoint: As a hook's ``after_load_checkpoint`` gets it; changed in place.
    """
    keys = checkpoint.get('message_hub', {}).get('resumed_keys', {})
    for key in [key for key, resumed in keys.items() if not resumed]:
        del keys[key]


def make_history_plain(checkpoint: dict) -> None:
    """Turn the log history, which mmengine stores as Python objects, into tensors and numbers.

    Args:
        checkpoint: About to be saved; changed in place.
    """
    scalars = checkpoint['message_hub']['log_scalars']
    for key, buffer in scalars.items():
        scalars[key] = dict(
            log_history=torch.as_tensor(buffer._log_history),
            count_history=torch.as_tensor(buffer._count_history),
            max_length=buffer.max_length,
        )


def restore_history(checkpoint: dict) -> None:
    """The inverse of :func:`make_history_plain`; mmengine's own history stays as it is."""
    scalars = checkpoint.get('message_hub', {}).get('log_scalars', {})
    for key, plain in scalars.items():
        if isinstance(plain, dict):
            history, counts = plain['log_history'], plain['count_history']
            scalars[key] = HistoryBuffer(
                history.cpu().numpy(), counts.cpu().numpy(), plain['max_length']
            )
