"""What exists only because a host misbehaves."""

from .quiet_runner import QuietFlexibleRunner, QuietRunner

__all__ = ['QuietFlexibleRunner', 'QuietRunner']
