"""Rehearsal of a schedule: what would stop a stage stops it before anything is trained."""

import logging
from collections.abc import Sequence
from copy import deepcopy

from torch import nn

from .. import distributed
from ..config_errors import config_errors
from ..models.dense_heads.loss_terms import select_terms
from ..randomness import seed_everything
from .detector import ModelSettings, build_model, load_weights
from .stage import Stage, StagePosition, frozen_parameter_names
from .trainer import TrainSettings, begin_stage, build_stage_runner


def checked_model(
    settings: ModelSettings,
    schedule: Sequence[Stage],
    training: TrainSettings,
    classes: Sequence[str],
    *,
    weights: str | None,
) -> nn.Module:
    """Build a detector, on the CPU, and rehearse the stages with it; the first cycle can train it.

    Args:
        settings: of the detector.
        schedule: the stages of a cycle.
        training: how the stages will be trained.
        classes: class names.
        weights: file of a trained model that has to fit; it is not taken over.

    Raises:
        FileNotFoundError, ValueError: naming the stage, or the config key, and what is wrong with it.
    """
    seed_everything(training.seed)
    model = build_model(settings, classes)
    if weights is not None:
        load_weights(deepcopy(model), weights)
    with config_errors('model.test_cfg'):
        model.bbox_head.detection_limits()
    check_stages(schedule, model, training)
    return model


def check_stages(schedule: Sequence[Stage], model: nn.Module, settings: TrainSettings) -> None:
    """Check that every stage finds its loss terms, parameters, optimizer, runner and hooks.

    Args:
        schedule: the stages of a cycle.
        model: a freshly built detector; afterwards it is as before.
        settings: how the stages will be trained.

    Raises:
        ValueError: naming the stage, or the config key and what is wrong with it.
    """
    frozen = frozen_parameter_names(model)
    for stage in schedule:
        _warn_of_late_drops(stage)
        _check_training(stage, model, settings, frozen)
        for tag in stage.tags:
            try:
                select_terms(stage.losses(tag), has_labels=tag == 'labeled')
            except ValueError as error:
                raise ValueError(f'stage {stage.name!r}, {tag} batches: {error}') from error
    model.zero_grad(set_to_none=True)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)


def _warn_of_late_drops(stage: Stage) -> None:
    late = [step for step in stage.lr_step if step >= stage.epochs]
    if late and distributed.is_main():
        logging.getLogger('mmdet').warning(
            'Stage %r has %d epochs: its learning rate never drops at epoch %s (lr_config.step counts the '
            'epochs of the last label-set stage from 0).',
            stage.name, stage.epochs, ', '.join(map(str, late)),
        )  # fmt: skip


def _check_training(stage: Stage, model: nn.Module, settings: TrainSettings, frozen: frozenset[str]) -> None:
    with config_errors('optimizer, optimizer_config, amp'):
        step, position = begin_stage(model, stage, settings, frozen), StagePosition(0, 0, stage)
    with config_errors('lr_config, log_config, custom_hooks, runner'):
        build_stage_runner(model, position, settings, step=step, on_epoch_end=lambda runner: None)
