"""What exists only because a host misbehaves."""

from .bf16_optim_wrapper import BF16OptimWrapper
from .process_group import leave_process_group, set_up_cpu
from .quiet_imports import quiet_imports
from .quiet_runner import QuietFlexibleRunner, QuietRunner

__all__ = [
    'BF16OptimWrapper',
    'QuietFlexibleRunner',
    'QuietRunner',
    'leave_process_group',
    'quiet_imports',
    'set_up_cpu',
]
