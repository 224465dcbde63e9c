"""Trains a model through one stage: a fresh optimizer, the hooks, the runner."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from mmcv.runner import Hook, get_dist_info
from torch import nn

from ..datasets.loaders import TrainLoader
from .gradient_step import GradientStep, MixedPrecision, build_stage_optimizer
from .parallel import wrap_model
from .runner import AlternatingEpochRunner
from .stage import Stage, set_trainable


@dataclass(frozen=True)
class TrainSettings:
    """How every stage is trained; the values are those of the config keys of these names.

    Attributes:
        seed: first part of what all random numbers are derived from.
        optimizer: as in MMDetection; a new one is built for each stage.
        lr_config: as in MMDetection; the steps of policy ``'step'`` are the stage's own.
        log_config: as in MMDetection.
        grad_clip: keyword arguments of ``clip_grad_norm_`` or None.
        amp_dtype: ``'float16'``, ``'bfloat16'`` or None.
        custom_hooks: further hooks, as in MMDetection, or functions that make one for a stage.
        device: where the model is trained.
        work_dir: where the logs go.
        timestamp: first part of the log files' names.
    """

    seed: int
    optimizer: Mapping[str, Any]
    lr_config: Mapping[str, Any]
    log_config: Mapping[str, Any]
    grad_clip: Mapping[str, Any] | None = None
    amp_dtype: str | None = None
    custom_hooks: Sequence[Mapping[str, Any] | Callable[[], Hook]] = ()
    device: torch.device = field(default_factory=partial(torch.device, 'cpu'))
    work_dir: str = ''
    timestamp: str = ''


@dataclass(frozen=True)
class StagePosition:
    """Where in a run a stage is.

    Attributes:
        cycle: number of the cycle.
        number: number of the stage in the cycle, from 0.
        stage: the stage.
        epochs_done: how many of its epochs are done.
        first_iteration: iterations of the run before this stage.
    """

    cycle: int
    number: int
    stage: Stage
    epochs_done: int = 0
    first_iteration: int = 0


class EpochEndHook(Hook):
    """Calls a function with the runner after each epoch's training."""

    def __init__(self, action: Callable[[AlternatingEpochRunner], None]) -> None:
        self._action = action

    def after_train_epoch(self, runner: AlternatingEpochRunner) -> None:
        self._action(runner)


def train_stage(
    model: nn.Module,
    position: StagePosition,
    loaders: Mapping[str, TrainLoader],
    settings: TrainSettings,
    logger: logging.Logger,
    frozen: frozenset[str],
    on_epoch_end: Callable[[AlternatingEpochRunner], None],
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Train the rest of a stage.

    Args:
        model: the detector, on ``settings.device``; trained in place.
        position: the stage and where in it to begin.
        loaders: by tag; those that the stage does not use are left alone.
        settings: how to train.
        logger: for the text log.
        frozen: names of the parameters that no stage trains.
        on_epoch_end: called with the runner after each epoch, to save a checkpoint.
        checkpoint: with the state of the ``optimizer`` and the loss ``scaler`` after
            ``position.epochs_done`` epochs.

    Raises:
        FloatingPointError: when a loss is not finite.
        ValueError: when the stage trains nothing, or there are no images of a kind that it trains on.
    """
    stage = position.stage
    missing = [tag for tag in stage.tags if tag not in loaders]
    if missing:
        raise ValueError(
            f'stage {stage.name!r} trains on {missing[0]} batches, but there is no {missing[0]} image'
        )
    model.zero_grad(set_to_none=True)
    set_trainable(model, stage, frozen)
    optimizer = build_stage_optimizer(model, settings.optimizer)
    precision = MixedPrecision(settings.device, settings.amp_dtype)
    if checkpoint is not None:
        optimizer.load_state_dict(checkpoint['optimizer'])
        # The state is empty without loss scaling.
        if checkpoint.get('scaler') and precision.scaler.is_enabled():
            precision.scaler.load_state_dict(checkpoint['scaler'])
    runner = AlternatingEpochRunner(
        wrap_model(model, settings.device),
        optimizer=optimizer,
        work_dir=settings.work_dir,
        logger=logger,
        meta=dict(
            cycle=position.cycle,
            stage=stage.name,
            stage_number=position.number,
            first_iteration=position.first_iteration,
        ),
        max_epochs=stage.epochs,
        stage=stage,
        gradient_step=GradientStep(optimizer, precision, settings.grad_clip),
        precision=precision,
        order_key=(settings.seed, position.cycle, position.number),
        sync_interval=1 if settings.device.type == 'cpu' else settings.log_config['interval'],
        labels=dict(cycle=position.cycle, stage=stage.name),
    )
    runner.timestamp = settings.timestamp
    runner._epoch = position.epochs_done
    used = [loaders[tag] for tag in stage.tags]
    runner._iter = position.epochs_done * len(loaders[stage.epoch_length])
    register_hooks(runner, stage, settings, on_epoch_end)
    runner.run(used)


def register_hooks(
    runner: AlternatingEpochRunner,
    stage: Stage,
    settings: TrainSettings,
    on_epoch_end: Callable[[AlternatingEpochRunner], None],
) -> None:
    """Register learning rate, timer, log, custom and checkpoint hooks, in this order of priority."""
    runner.register_lr_hook(stage_lr_config(settings.lr_config, stage))
    runner.register_timer_hook(dict(type='IterTimerHook'))
    runner.register_custom_hooks(
        [deepcopy(dict(hook)) if isinstance(hook, Mapping) else hook() for hook in settings.custom_hooks]
    )
    if get_dist_info()[0] == 0:
        runner.register_logger_hooks(deepcopy(dict(settings.log_config)))
    runner.register_hook(EpochEndHook(on_epoch_end), priority='LOWEST')


def stage_lr_config(lr_config: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    """Return the learning rate policy of a stage: policy ``'step'`` drops where the stage says so."""
    config = dict(lr_config)
    if config.get('policy') == 'step':
        config['step'] = list(stage.lr_step)
    return config
