"""What exists only because a host misbehaves."""

from .bf16_optim_wrapper import BF16OptimWrapper
from .quiet_imports import quiet_imports
from .quiet_runner import QuietFlexibleRunner, QuietRunner

__all__ = ['BF16OptimWrapper', 'QuietFlexibleRunner', 'QuietRunner', 'quiet_imports']
