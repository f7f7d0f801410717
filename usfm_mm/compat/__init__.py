"""What exists only because a host misbehaves."""

from .bf16_optim_wrapper import BF16OptimWrapper
from .compiled_ops import stand_in_for_compiled_ops
from .host import import_host
from .message_hub import forget_unsaved
from .mmagic import import_mmagic
from .mmseg import find_mmseg_configs, import_mmseg
from .own_configs import find_own_configs, forget_own_scope
from .process_group import leave_process_group, set_up_cpu
from .quiet_imports import quiet_imports
from .synced_gan import SyncedGAN, SyncedOptimWrapper, check_synced

__all__ = [
    'BF16OptimWrapper',
    'SyncedGAN',
    'SyncedOptimWrapper',
    'check_synced',
    'find_mmseg_configs',
    'find_own_configs',
    'forget_own_scope',
    'forget_unsaved',
    'import_host',
    'import_mmagic',
    'import_mmseg',
    'leave_process_group',
    'quiet_imports',
    'set_up_cpu',
    'stand_in_for_compiled_ops',
]
