"""Optimizer steps of a stage, with or without mixed precision."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from mmcv.runner import build_optimizer
from torch import nn

from .stage import Stage, set_trainable

AMP_DTYPES = {'float16': torch.float16, 'bfloat16': torch.bfloat16}


class MixedPrecision:
    """Autocast and loss scaling for one device.

    Args:
        device: where the model is.
        dtype: ``'float16'``, ``'bfloat16'`` or None for plain float32. Only float16 on a GPU needs
            its loss scaled.

    Raises:
        ValueError: for another dtype.
    """

    def __init__(self, device: torch.device, dtype: str | None = None) -> None:
        if dtype is not None and dtype not in AMP_DTYPES:
            raise ValueError(f'amp dtype is {dtype!r}: choose one of {sorted(AMP_DTYPES)}')
        self._device_type = device.type
        self._dtype = AMP_DTYPES.get(dtype)
        self.scaler = torch.amp.GradScaler(device.type, enabled=dtype == 'float16' and device.type == 'cuda')

    def autocast(self) -> AbstractContextManager:
        """Context in which the model's forward pass runs."""
        enabled = self._dtype is not None
        return torch.autocast(self._device_type, dtype=self._dtype, enabled=enabled)


class GradientStep:
    """Turns a loss into one step of an optimizer.

    Gradients are zeroed rather than dropped: a parameter that a loss does not reach still gets momentum
    and weight decay, as in the published training.

    Args:
        optimizer: over the parameters of the stage.
        precision: the mixed precision that the loss is computed with.
        grad_clip: keyword arguments of ``torch.nn.utils.clip_grad_norm_``, or None.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        precision: MixedPrecision,
        grad_clip: Mapping[str, Any] | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.precision = precision
        self._grad_clip = grad_clip
        self._parameters = [p for group in optimizer.param_groups for p in group['params']]

    def __call__(self, loss: torch.Tensor) -> None:
        """Zero the gradients, back-propagate the 0-d ``loss`` and step."""
        scaler = self.precision.scaler
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.optimizer.zero_grad(set_to_none=False)
        scaler.scale(loss).backward()
        if self._grad_clip is not None:
            scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self._parameters, **self._grad_clip)
        scaler.step(self.optimizer)
        scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """State of the optimizer and of the loss scaler; the latter is empty without loss scaling."""
        return dict(optimizer=self.optimizer.state_dict(), scaler=self.precision.scaler.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the state of :meth:`state_dict`; further entries are ignored."""
        self.optimizer.load_state_dict(state['optimizer'])
        if state.get('scaler') and self.precision.scaler.is_enabled():
            self.precision.scaler.load_state_dict(state['scaler'])


def build_stage_step(
    model: nn.Module,
    stage: Stage,
    frozen: frozenset[str],
    *,
    optimizer: Mapping[str, Any],
    precision: MixedPrecision,
    grad_clip: Mapping[str, Any] | None = None,
) -> GradientStep:
    """Begin a stage: make its parameters trainable, and a new optimizer over them.

    Args:
        model: the detector; its ``requires_grad`` flags and gradients are changed.
        stage: the stage.
        frozen: names of the parameters that no stage trains.
        optimizer: as MMDetection's ``optimizer`` key.
        precision: mixed precision of the forward pass.
        grad_clip: keyword arguments of ``torch.nn.utils.clip_grad_norm_``, or None.

    Raises:
        ValueError: when the stage trains nothing, or the optimizer cannot be built.
    """
    model.zero_grad(set_to_none=True)
    set_trainable(model, stage, frozen)
    return GradientStep(build_stage_optimizer(model, optimizer), precision, grad_clip)


def build_stage_optimizer(model: nn.Module, config: Mapping[str, Any]) -> torch.optim.Optimizer:
    """Build an optimizer over the model's trainable parameters and only those.

    Args:
        model: whose ``requires_grad`` flags were set for the stage.
        config: as MMDetection's ``optimizer`` key, ``paramwise_cfg`` included.

    Raises:
        ValueError: when there is no such optimizer, or it does not take these arguments.
    """
    try:
        return _build_optimizer(model, config)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'optimizer = {dict(config)}: cannot be built ({error})') from error


def _build_optimizer(model: nn.Module, config: Mapping[str, Any]) -> torch.optim.Optimizer:
    if 'paramwise_cfg' in config or 'constructor' in config:
        optimizer = build_optimizer(model, dict(config))
        for group in optimizer.param_groups:
            group['params'] = [p for p in group['params'] if p.requires_grad]
        optimizer.param_groups = [group for group in optimizer.param_groups if group['params']]
        return optimizer
    kwargs = dict(config)
    return getattr(torch.optim, kwargs.pop('type'))(
        (p for p in model.parameters() if p.requires_grad), **kwargs
    )
