"""Checkpoints of all layouts: read, recognised, converted, loaded."""
