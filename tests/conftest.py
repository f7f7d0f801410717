"""Fixtures shared by all tests."""

import os
import socket
from pathlib import Path

# Before torch is imported: small tensors on few cores are faster on one thread.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import mmengine.config.config as host
import pytest
import yapf.yapflib.yapf_api as yapf

from support.tiny_pretraining import build_run, organ_folder, tiny_config

__all__ = ['build_run', 'organ_folder', 'tiny_config']
ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / 'shared' / 'data'


@pytest.fixture(scope='session', autouse=True)
def _config_text_as_it_comes():
    """Skip yapf, which takes half a second whenever a config is logged or saved, for its looks."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (host, yapf):  # mmengine imports it at its start, or when it needs it
            patch.setattr(module, 'FormatCode', lambda text, **_: (text, True), raising=False)
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none."""
    if item.get_closest_marker('gpu'):
        import torch

        if not torch.cuda.is_available():
            pytest.skip('needs a GPU')


@pytest.fixture(scope='session')
def project_root() -> Path:
    """Root of the repository."""
    return ROOT


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Folder of real ultrasound images; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip('real images (../shared/data) are not here')
    return SHARED_DATA


@pytest.fixture
def free_port() -> int:
    """A TCP port for process groups; a file store may wait for a file that another rank removed."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]
