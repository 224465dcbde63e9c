"""Placement of the model: on one device, or on one device in each of many processes."""

from collections.abc import Callable
from typing import Any

import torch
from mmcv.parallel import MODULE_WRAPPERS, MMDistributedDataParallel, scatter_kwargs
from torch import distributed as dist
from torch import nn


def check_device(name: str) -> torch.device:
    """Return the device of a name such as ``cpu`` or ``cuda:0``.

    Raises:
        ValueError: when there is no such device here, saying which there are.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f'{name!r} is no device: use cpu, or cuda:N for the GPU number N') from error
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f'device {name} is not there: PyTorch sees {torch.cuda.device_count()} GPUs; '
            'use --device cpu to run without'
        )
    if device.type not in ('cpu', 'cuda'):
        raise ValueError(f'device {name} is not supported: use cpu or cuda:N')
    if device.type == 'cuda' and device.index is None:
        device = torch.device('cuda', torch.cuda.current_device())
    return device


def scatter_targets(device: torch.device) -> list[int]:
    """Device as mmcv's scatter expects it: the number of a GPU, -1 for the CPU."""
    return [device.index if device.type == 'cuda' else -1]


@MODULE_WRAPPERS.register_module()
class SingleDeviceModel(nn.Module):
    """Unpacks the batches of a loader and moves them to the detector's device.

    It replaces MMCV's ``MMDataParallel``, which cannot train on the CPU of a machine that has a GPU.

    Args:
        module: the detector, already on ``device``.
        device: the CPU, or a GPU with its number.
    """

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.module = module
        self._targets = scatter_targets(device)

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Call the detector."""
        return self._call(self.module, inputs, kwargs)

    def train_step(self, *inputs: Any, **kwargs: Any) -> dict[str, Any]:
        """Take the detector's ``train_step``."""
        return self._call(self.module.train_step, inputs, kwargs)

    def val_step(self, *inputs: Any, **kwargs: Any) -> dict[str, Any]:
        """Take the detector's ``val_step``."""
        return self._call(self.module.val_step, inputs, kwargs)

    def _call(self, method: Callable[..., Any], inputs: tuple, kwargs: dict[str, Any]) -> Any:
        unpacked, named = scatter_kwargs(inputs, kwargs, self._targets)
        return method(*unpacked[0], **named[0])


class DistributedModel(MMDistributedDataParallel):
    """Averages gradients over processes, on CPUs too, where MMCV 1.7 does not unpack batches."""

    def train_step(self, *inputs: Any, **kwargs: Any) -> dict[str, Any]:
        """Unpack the batch and take the detector's ``train_step``."""
        if not self.device_ids:
            unpacked, named = self.scatter(inputs, kwargs, [-1])
            inputs, kwargs = unpacked[0], named[0]
        return super().train_step(*inputs, **kwargs)


def wrap_model(model: nn.Module, device: torch.device) -> nn.Module:
    """Wrap a detector for training: batches are moved to its device, gradients averaged over processes.

    Args:
        model: already on ``device``, its ``requires_grad`` flags set for the stage.
        device: the device of this process.
    """
    if dist.is_available() and dist.is_initialized():
        return DistributedModel(
            model,
            device_ids=[device.index] if device.type == 'cuda' else None,
            broadcast_buffers=False,
            # The two batches of an iteration reach different parameters.
            find_unused_parameters=True,
        )
    return SingleDeviceModel(model, device)
