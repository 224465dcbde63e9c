"""One process or many: how a tool finds its device and its peers."""

import multiprocessing
import os
import subprocess

import torch
from mmcv.runner import init_dist
from torch import distributed as dist

from .meeting import meet

# What a launcher calls the number of this process, and how many there are.
_NUMBERS = {
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS'),
    'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'),
}


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
    _set_environment(launcher)
    meeting = meet()  # kept until all have joined: it holds the port
    if device == 'cpu':
        dist.init_process_group('gloo')
        del meeting
        return 'cpu'
    # Otherwise mmcv has loader processes spawned: each would import everything anew, chunk by chunk of a
    # scoring.
    if multiprocessing.get_start_method(allow_none=True) is None:
        multiprocessing.set_start_method('fork')
    init_dist(launcher, backend='nccl')
    return f'cuda:{torch.cuda.current_device()}'


def _set_environment(launcher: str) -> None:
    """Tell PyTorch what slurm and MPI have other names for (mmcv's ``init_dist`` does it, but on GPUs)."""
    if launcher not in _NUMBERS:
        return
    rank, world_size = _NUMBERS[launcher]
    if rank not in os.environ:
        raise ValueError(f'--launcher {launcher}: the variable {rank} is not set')
    os.environ['RANK'], os.environ['WORLD_SIZE'] = os.environ[rank], os.environ[world_size]
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _slurm_master() if launcher == 'slurm' else _mpi_master()
    # Left to itself, mmcv takes another port in each process that finds this one in use already.
    os.environ.setdefault('MASTER_PORT', '29500')


def _slurm_master() -> str:
    """Return the first machine of ``SLURM_NODELIST``, such as ``node03`` of ``node[03-07,12]``."""
    machines = os.environ.get('SLURM_NODELIST', '127.0.0.1')
    if '[' not in machines and ',' not in machines:
        return machines
    command = ['scontrol', 'show', 'hostnames', machines]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise ValueError(
            f'--launcher slurm: scontrol does not name the machines {machines} ({error}); set MASTER_ADDR to '
            'the first of them'
        ) from None


def _mpi_master() -> str:
    """Return this machine if it is the only one: MPI does not name the first of several."""
    here, everywhere = (os.environ.get(f'OMPI_COMM_WORLD_{name}') for name in ('LOCAL_SIZE', 'SIZE'))
    if here is not None and here != everywhere:
        raise ValueError('--launcher mpi: on several machines set MASTER_ADDR to the one of process 0')
    return '127.0.0.1'
