"""Process groups, and machines without a GPU."""

import gc
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.utils import digit_version


def set_up_cpu(cfg: Config) -> None:
    """Fit a config to a machine without a GPU; with a GPU, do nothing.

    Processes talk through gloo, memory is not pinned, AdamW is fused only where PyTorch can, and
    SyncBN, which needs a GPU, is BN.
    mmengine's ``init_dist`` calls ``torch.cuda.set_device`` on any machine, and its runner gives
    the model wrapper a GPU number; so the processes are connected here, before the runner does it,
    and the wrapper is told that there is no GPU. (No upstream issue was found.)

    Args:
        cfg: Changed in place; ``launcher`` must be set.
    """
    if torch.cuda.is_available():
        return
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(name):
            cfg[name].pop('pin_memory', None)
    if digit_version(torch.__version__) < digit_version('2.4'):  # no fused AdamW on a CPU before
        cfg.get('optim_wrapper', {}).get('optimizer', {}).pop('fused', None)
    _replace_sync_bn(cfg.get('model', {}))
    cfg.env_cfg = cfg.get('env_cfg', {})
    cfg.env_cfg.dist_cfg = dict(cfg.env_cfg.get('dist_cfg', {}), backend='gloo')
    if cfg.get('launcher', 'none') == 'pytorch' and not dist.is_initialized():
        dist.init_process_group('gloo')
    if not cfg.get('model_wrapper_cfg'):
        cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel')
    wrapper = cfg.model_wrapper_cfg
    if wrapper.get('type') in ('MMDistributedDataParallel', 'MMSeparateDistributedDataParallel'):
        wrapper.update(device_ids=None, broadcast_buffers=False)


def _replace_sync_bn(node: Any) -> None:
    if isinstance(node, dict):
        if node.get('type') == 'SyncBN':
            node['type'] = 'BN'
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            _replace_sync_bn(child)


def leave_process_group() -> None:
    """Wait for all ranks and disconnect, after the runner is gone, whose model holds the group.

    Without that a rank may abort while others still talk. And gloo's threads need the GIL to drop
    the tensors of the last collective: a process hangs if it holds the GIL while it waits for them
    (before PyTorch 2.8, pytorch/pytorch#154976) and aborts if Python ends before they do
    (pytorch/pytorch#179291). So the group must die here, and its backend, which waits for the
    threads without the GIL, last.
    """
    if not dist.is_initialized():
        return
    gc.collect()  # runners and models are in reference cycles
    dist.barrier()
    backends = _backends(dist.group.WORLD)
    dist.destroy_process_group()
    del backends


def _backends(group: Any) -> list[Any]:
    return [group._get_backend(device) for device in group._device_types]
