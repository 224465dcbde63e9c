"""The time of a few steps of every kind: training, scoring, evaluation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, repeat
from typing import Any

import numpy as np
import torch
from torch import nn

from ..active.scoring import Look, look_at, scores_and_features, second_look
from ..apis.preflight import Prepared
from ..apis.settings import RunSettings
from ..datasets.loaders import TrainLoader
from ..engine.inference import detect
from ..engine.parallel import wrap_model
from ..engine.stage import Stage, frozen_parameter_names
from ..engine.trainer import TrainSettings, begin_stage
from ..stopwatch import stopwatch

STEPS = 8
WARM_UP = 2  # steps that are not counted where there are more
IMAGES = 4
SECONDS = 20.0  # a kind of step is not repeated beyond this


@dataclass(frozen=True)
class StepTimes:
    """Seconds of an iteration of each stage, by name, and of an image: scored, evaluated, looked at again."""

    stages: dict[str, float]
    score: float
    evaluate: float
    look: float = 0.0


def time_steps(
    settings: RunSettings, prepared: Prepared, loaders: Mapping[str, TrainLoader], model: nn.Module
) -> StepTimes:
    """Train a model for a few steps of each stage, then score and evaluate a few images.

    Raises:
        ValueError: when a loss is not finite.
    """
    stages: dict[str, float] = {}
    # Steps far from trained weights may explode; what is measured is their time.
    training = replace(settings.training, device=prepared.device, grad_clip=dict(max_norm=1.0))
    frozen = frozen_parameter_names(model)
    for stage in settings.schedule:
        if stage.name not in stages:
            stages[stage.name] = _time_stage(training, stage, model, loaders, frozen)
    return StepTimes(stages, *_time_inference(prepared, model))


def _time_stage(
    training: TrainSettings,
    stage: Stage,
    model: nn.Module,
    loaders: Mapping[str, TrainLoader],
    frozen: frozenset[str],
) -> float:
    take_step = begin_stage(model, stage, training, frozen)
    wrapped = wrap_model(model, training.device).train()
    streams = {tag: _endless(loaders[tag]) for tag in stage.tags}

    def iterate() -> None:
        for tag in stage.tags:
            with take_step.precision.autocast():
                outputs = wrapped.train_step(next(streams[tag]), None, loss_terms=stage.losses(tag))
            if not torch.isfinite(outputs['loss']):
                raise ValueError(f'stage {stage.name!r}: the loss of a {tag} batch is {outputs["loss"]}')
            take_step(outputs['loss'])

    return _time(iterate, training.device)


def _endless(loader: TrainLoader) -> Any:
    return chain.from_iterable(loader.batches(len(loader), 0, number) for number, _ in enumerate(repeat(0)))


def _time(action: Callable[[], None], device: torch.device) -> float:
    """Median seconds of an action."""
    times: list[float] = []
    while len(times) < STEPS and sum(times) < SECONDS:
        with stopwatch(device) as timing:
            action()
        times.append(timing.wall)
    return float(np.median(times[WARM_UP:] or times[-1:]))


@torch.inference_mode()
def _time_inference(prepared: Prepared, model: nn.Module) -> tuple[float, float, float]:
    data, device = prepared.data, prepared.device
    settings, strategy = prepared.scoring, prepared.strategy
    model.eval()
    view, indices = data.pool.scoring_view(), np.arange(min(IMAGES, len(data.pool)))

    def time_pass(look: Look) -> float:
        chunk = partial(look_at, model, look, view=view, indices=indices, settings=settings)
        return _time(chunk, device) / len(indices)

    score = time_pass(scores_and_features(strategy)) if strategy.needs_model else 0.0
    look_again = time_pass(second_look(strategy)) if strategy.looks_again else 0.0
    indices = np.arange(min(IMAGES, len(data.test)))
    evaluate = partial(detect, model, data.test, replace(settings, workers=0), indices=indices)
    return score, _time(evaluate, device) / len(indices), look_again
