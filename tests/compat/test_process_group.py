"""Configs on a machine without a GPU, and leaving a process group."""

import os
import subprocess
import sys

import pytest
import torch
from mmengine.config import Config

from support import own_threads
from usfm_mm.compat import set_up_cpu


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
@pytest.mark.parametrize('wrapper', [None, 'MMSeparateDistributedDataParallel', 'Own'])
def test_the_wrapper_is_told_that_there_is_no_gpu(wrapper):
    cfg = Config(dict(launcher='none', model=dict(norm_cfg=dict(type='SyncBN'))))
    if wrapper:
        cfg.model_wrapper_cfg = dict(type=wrapper, broadcast_buffers=True)
    set_up_cpu(cfg)
    ours = dict(device_ids=None, broadcast_buffers=False)
    expected = dict(type=wrapper or 'MMDistributedDataParallel', broadcast_buffers=True) | (
        {} if wrapper == 'Own' else ours
    )
    assert cfg.model_wrapper_cfg == expected
    assert cfg.model.norm_cfg.type == 'BN'
    assert cfg.env_cfg.dist_cfg.backend == 'gloo'


CONNECT_AND_LEAVE = """
import sys
import torch
import torch.distributed as dist
from support import own_threads
from usfm_mm.compat import leave_process_group

class Runner:
    def __init__(self):
        self.itself = self
        self.model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 2))
        self.model(torch.ones(1, 3)).sum().backward()

rank, port = int(sys.argv[1]), int(sys.argv[2])
# The main thread keeps the GIL unless it waits: the race that it wins now and then, it always wins.
sys.setswitchinterval(1000)
store = dist.TCPStore('127.0.0.1', port, 2, rank == 0)
for turn in range(30):
    before = own_threads.count()
    group_store = dist.PrefixStore(str(turn), store)
    dist.init_process_group('gloo', store=group_store, rank=rank, world_size=2)
    assert own_threads.count() > before
    runner = Runner()
    dist.all_gather_object([None, None], rank)
    del runner
    leave_process_group()
    assert not dist.is_initialized()
    if turn:  # the first turn starts PyTorch's own threads
        assert own_threads.wait_until(lambda number: number == before) == before
if rank == 0:  # the store is here
    store.wait(['done'])
else:
    store.set('done', 'yes')
"""


@pytest.mark.skipif(not own_threads.COUNTABLE, reason='threads are counted in /proc')
def test_leaving_ends_the_threads_and_does_not_hang(free_port):
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    command = [sys.executable, '-c', CONNECT_AND_LEAVE]
    ranks = [subprocess.Popen([*command, str(rank), str(free_port)], env=env) for rank in range(2)]
    try:
        assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    finally:
        for rank in ranks:
            rank.kill()
