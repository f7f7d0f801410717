"""Checkpoints of all layouts: read, recognised, converted, loaded."""

from .files import CheckpointError
from .loading import load_pretrained
from .reading import read_checkpoint

__all__ = ['CheckpointError', 'load_pretrained', 'read_checkpoint']
