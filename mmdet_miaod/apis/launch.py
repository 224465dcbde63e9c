"""One process or many: how a tool finds its device and its peers."""

from __future__ import annotations

import os

import torch
from mmcv.runner import init_dist
from torch import distributed as dist


def default_device() -> str:
    """Return the first GPU where there is one, else the CPU."""
    return 'cuda:0' if torch.cuda.is_available() else 'cpu'


def start_processes(launcher: str, device: str) -> str:
    """Join the other processes of the run, if it has any.

    Args:
        launcher: ``'none'``, ``'pytorch'`` (torchrun), ``'slurm'`` or ``'mpi'``.
        device: ``'cpu'``, or any GPU: with many processes each takes the GPU of its local number.

    Returns:
        The device of this process.

    Raises:
        ValueError: when the launcher's environment is not there.
    """
    if launcher == 'none':
        return device
    if launcher == 'pytorch' and 'RANK' not in os.environ:
        raise ValueError('--launcher pytorch: start with torchrun or scripts/dist_train.sh')
    if device == 'cpu':
        _set_rank_from(launcher)
        dist.init_process_group('gloo')
        return 'cpu'
    init_dist(launcher, backend='nccl')
    return f'cuda:{torch.cuda.current_device()}'


def _set_rank_from(launcher: str) -> None:
    """Tell PyTorch the numbers that slurm and MPI have their own names for (mmcv's init_dist needs a GPU)."""
    names = {
        'slurm': ('SLURM_PROCID', 'SLURM_NTASKS'),
        'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'),
    }.get(launcher)
    if names is not None:
        if names[0] not in os.environ:
            raise ValueError(f'--launcher {launcher}: the variable {names[0]} is not set')
        os.environ['RANK'], os.environ['WORLD_SIZE'] = os.environ[names[0]], os.environ[names[1]]
        os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
        os.environ.setdefault('MASTER_PORT', '29500')
