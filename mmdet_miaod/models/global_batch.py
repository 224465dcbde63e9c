"""Counts over the joined batch of all processes, by which losses are normalized.

``torch.distributed`` averages gradients over processes. A loss whose normalizer is that of the global batch
and which is multiplied by :func:`world_size` therefore gives the gradient that one process would compute on
the joined batch.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of processes that train together; 1 without an initialized process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def global_sum(values: Tensor) -> Tensor:
    """Sum of a tensor over all processes.

    Args:
        values: counts of this process's batch, any shape. No gradient flows through the result.

    Returns:
        A tensor of the same shape, dtype and device; ``values`` itself (detached) in a single process.
    """
    values = values.detach()
    if world_size() > 1:
        values = values.clone()
        dist.all_reduce(values)
    return values


def global_count(count: Tensor | int, device: torch.device) -> Tensor:
    """Sum of a count over all processes, without waiting for the device.

    Args:
        count: of this process, an int or a 0-d tensor.
        device: of the result.

    Returns:
        0-d float32 tensor without gradient.
    """
    if not isinstance(count, Tensor):
        count = torch.full((), float(count), device=device)
    return global_sum(count.to(device, torch.float32))
