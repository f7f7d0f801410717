"""The small pre-training run of the engine's tests."""

from engine.conftest import organ_folder, tiny_config

__all__ = ['organ_folder', 'tiny_config']
