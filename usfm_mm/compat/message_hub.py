"""Resuming of mmengine's log history without false alarm."""


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
