"""Training of one stage: a new optimizer, the hooks, the runner."""

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
from .gradient_step import GradientStep, MixedPrecision, build_stage_step
from .hooks import EpochEndHook, build_loggers
from .loss_watch import LossWatch
from .parallel import wrap_model
from .run_log import RunLog
from .runner import AlternatingEpochRunner, build_runner
from .stage import Stage, StagePosition

DEFAULT_RUNNER = dict(type='AlternatingEpochRunner')


@dataclass(frozen=True)
class TrainSettings:
    """Settings of the training of every stage; the values are those of the config keys of these names.

    Attributes:
        seed: first part of what all random numbers are derived from.
        optimizer: as in MMDetection; a new one is built for each stage.
        lr_config: as in MMDetection; the steps of policy ``'step'`` are the stage's own.
        log_config: as in MMDetection.
        grad_clip: keyword arguments of ``clip_grad_norm_`` or None.
        amp_dtype: ``'float16'``, ``'bfloat16'`` or None.
        custom_hooks: further hooks, as in MMDetection, or functions that make one for a stage.
        runner: as in MMDetection: the type, and arguments that a subclass adds; the stages set the epochs.
        device: where the model is trained.
        work_dir: folder of the logs.
        timestamp: first part of the log files' names.
        run_log: the log files that the stages share; None: each stage has its own.
    """

    seed: int
    optimizer: Mapping[str, Any]
    lr_config: Mapping[str, Any]
    log_config: Mapping[str, Any]
    grad_clip: Mapping[str, Any] | None = None
    amp_dtype: str | None = None
    custom_hooks: Sequence[Mapping[str, Any] | Callable[[], Hook]] = ()
    runner: Mapping[str, Any] = field(default_factory=DEFAULT_RUNNER.copy)
    device: torch.device = field(default_factory=partial(torch.device, 'cpu'))
    work_dir: str = ''
    timestamp: str = ''
    run_log: RunLog | None = None


def train_stage(
    model: nn.Module,
    position: StagePosition,
    *,
    loaders: Mapping[str, TrainLoader],
    settings: TrainSettings,
    frozen: frozenset[str],
    on_epoch_end: Callable[[AlternatingEpochRunner], None],
    loss_watch: LossWatch | None = None,
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Train the remaining epochs of a stage.

    Args:
        model: the detector, on ``settings.device``; trained in place.
        position: the stage and where in it to begin.
        loaders: by tag; those that the stage does not use are left alone.
        settings: how to train.
        frozen: names of the parameters that no stage trains.
        on_epoch_end: called with the runner after each epoch, to save a checkpoint.
        loss_watch: is told the classification loss of every labeled batch.
        checkpoint: with the state of the ``optimizer`` and the loss ``scaler`` after
            ``position.epochs_done`` epochs.

    Raises:
        FloatingPointError: when a loss is not finite.
        ValueError: when the stage trains nothing, or there are no images of a kind that it trains on.
    """
    stage = position.stage
    for tag in stage.tags:
        if tag not in loaders:
            raise ValueError(f'stage {stage.name!r} trains on {tag} batches, but there is no {tag} image')
    step = begin_stage(model, stage, settings, frozen)
    if checkpoint is not None:
        step.load_state_dict(checkpoint)
    wrapped = wrap_model(model, settings.device)
    runner = build_stage_runner(
        wrapped, position, settings, step=step, on_epoch_end=on_epoch_end, loss_watch=loss_watch
    )
    runner.run([loaders[tag] for tag in stage.tags])


def begin_stage(
    model: nn.Module, stage: Stage, settings: TrainSettings, frozen: frozenset[str]
) -> GradientStep:
    """Make a stage's parameters trainable and build its optimizer; see :func:`build_stage_step`."""
    return build_stage_step(
        model,
        stage,
        frozen,
        optimizer=settings.optimizer,
        precision=MixedPrecision(settings.device, settings.amp_dtype),
        grad_clip=settings.grad_clip,
    )


def build_stage_runner(
    model: nn.Module,
    position: StagePosition,
    settings: TrainSettings,
    *,
    step: GradientStep,
    on_epoch_end: Callable[[AlternatingEpochRunner], None],
    loss_watch: LossWatch | None = None,
) -> AlternatingEpochRunner:
    """Build the runner of a stage with its hooks; arguments as of :func:`train_stage`, the model wrapped.

    Hooks are, in this order of priority, those of learning rate, timer, log, custom and checkpoint.

    Raises:
        ValueError: when ``settings.runner`` names no runner that can train a stage.
    """
    runner = build_runner(
        settings.runner,
        model,
        position=position,
        gradient_step=step,
        seed=settings.seed,
        sync_interval=1 if settings.device.type == 'cpu' else settings.log_config['interval'],
        loss_watch=loss_watch,
        run_log=settings.run_log,
        work_dir=settings.work_dir,
        logger=logging.getLogger('mmdet'),
    )
    runner.timestamp = settings.timestamp
    runner.register_lr_hook(stage_lr_config(settings.lr_config, runner.stage))
    runner.register_timer_hook(dict(type='IterTimerHook'))
    runner.register_custom_hooks(
        [deepcopy(dict(hook)) if isinstance(hook, Mapping) else hook() for hook in settings.custom_hooks]
    )
    for logger in _loggers(settings) if get_dist_info()[0] == 0 else ():
        runner.register_hook(logger, priority='VERY_LOW')
    runner.register_hook(EpochEndHook(on_epoch_end), priority='LOWEST')
    return runner


def _loggers(settings: TrainSettings) -> list[Hook]:
    log = settings.run_log
    others = build_loggers(settings.log_config, text=False) if log is None else log.loggers
    return [*build_loggers(settings.log_config, text=True), *others]


def stage_lr_config(lr_config: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    """Learning rate policy of a stage: policy ``'step'`` drops at the stage's ``lr_step``."""
    config = dict(lr_config)
    if config.get('policy') == 'step':
        config['step'] = list(stage.lr_step)
    return config
