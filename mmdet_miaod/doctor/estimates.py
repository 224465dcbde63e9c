"""Estimates of a whole run: steps, time, disk, labels to draw."""

import datetime
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from .. import distributed
from ..active.query.base import QueryStrategy
from ..apis.data import LoaderFactory
from ..apis.preflight import Prepared
from ..apis.settings import RunSettings
from ..datasets.loaders import TrainLoader
from ..engine.detector import build_model
from ..engine.progress import run_steps, stage_steps
from .findings import Finding
from .measured import KNOWN, times_elsewhere
from .step_timing import StepTimes, time_steps


def estimate(
    settings: RunSettings, prepared: Prepared, measured: Sequence[Mapping[str, Any]] = KNOWN
) -> tuple[list[Finding], dict[str, Any]]:
    """Time a few steps and extrapolate to all cycles.

    Args:
        settings: what would be run.
        prepared: from the quick checks; the first labels are there.
        measured: what is known of GPUs elsewhere, see :mod:`~mmdet_miaod.doctor.measured`.

    Returns:
        The findings, and the numbers: ``steps``, ``seconds``, ``disk_bytes``, ``images_to_label``,
        ``boxes_to_draw`` and what they are made of.
    """
    data, split = prepared.data, prepared.first_split
    loaders = LoaderFactory(data, settings.loaders, prepared.device)(split)
    model = build_model(settings.model, data.labeled.CLASSES).to(prepared.device)
    disk = _disk(settings, model, len(data.pool))
    times = time_steps(settings, prepared, loaders, model)
    sizes = settings.labeling.sizes(len(data.pool))
    batch = settings.loaders.batch_size * distributed.world_size()
    steps = run_steps(settings.schedule, sizes, settings.loaders.repeats, batch)
    seconds = _seconds(settings, prepared, times, loaders, sizes)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    elsewhere = times_elsewhere(measured, settings.config.get('img_scale') or (), batch, parameters)
    boxes = np.mean([len(data.labeled.get_ann_info(int(i))['labels']) for i in split.labeled])
    numbers = dict(
        steps=sum(steps),
        steps_by_cycle=steps,
        seconds=sum(seconds.values()),
        seconds_by_part=seconds,
        seconds_by_iteration=times.stages,
        seconds_elsewhere=_seconds_elsewhere(settings, prepared, elsewhere, loaders, sizes),
        disk_bytes=disk,
        images_to_label=sizes[-1],
        images_to_label_after_the_first=sizes[-1] - sizes[0],
        boxes_by_image=float(boxes),
        boxes_to_draw=round(float(boxes) * sizes[-1]),
    )
    return _describe(numbers), numbers


def _seconds_elsewhere(
    settings: RunSettings,
    prepared: Prepared,
    elsewhere: Mapping[str, StepTimes],
    loaders: Mapping[str, TrainLoader],
    sizes: list[int],
) -> dict[str, float]:
    """Seconds of all cycles together by card, where every stage was measured on it."""
    stages = {stage.name for stage in settings.schedule}
    return {
        card: sum(_seconds(settings, prepared, known, loaders, sizes).values())
        for card, known in elsewhere.items()
        if stages <= known.stages.keys()
    }


def _seconds(
    settings: RunSettings,
    prepared: Prepared,
    times: StepTimes,
    loaders: Mapping[str, TrainLoader],
    sizes: list[int],
) -> dict[str, float]:
    """Seconds of all cycles together by part."""
    lengths = {tag: len(loader) for tag, loader in loaders.items()}
    training = 0.0
    for size in sizes:
        grown = {tag: -(-length * size // sizes[0]) for tag, length in lengths.items()}
        for stage in settings.schedule:
            steps = stage_steps(stage, grown['labeled'], grown.get('unlabeled', 0))
            training += times.stages[stage.name] * steps / len(stage.tags)
    evaluated = len(prepared.data.test) * len(sizes)
    seconds = dict(train=training, score=0.0, evaluate=times.evaluate * evaluated)
    return {**seconds, **_selection_seconds(settings.labeling.fraction, prepared, times, sizes)}


def _selection_seconds(
    fraction: float, prepared: Prepared, times: StepTimes, sizes: list[int]
) -> dict[str, float]:
    """Seconds of the passes of all queries over images, by kind."""
    strategy, pool_size = prepared.strategy, len(prepared.data.pool)
    scored = measured = looked = 0
    for labeled, grown in itertools.pairwise(sizes):
        candidates = max(round(fraction * (pool_size - labeled)), grown - labeled)
        scored += candidates + (labeled if strategy.features else 0)
        measured += labeled
        looked += min(round(_factor(strategy) * (grown - labeled)), candidates)
    passes = dict(score=times.score * scored if strategy.needs_model else 0.0)
    if strategy.needs_quality:  # the labeled images go through the model as those to score do
        passes['class quality'] = times.score * measured
    if strategy.looks_again:
        passes['second look'] = times.look * looked
    return passes


def _factor(strategy: QueryStrategy) -> float:
    """How many times the budget the strategy, or the one that it wraps, looks at again."""
    while strategy.looks_again and not type(strategy).looks_again:
        strategy = strategy.strategy
    return strategy.factor


def _disk(settings: RunSettings, model: nn.Module, pool_size: int) -> int:
    """Bytes of a run directory at its fullest: final models, resume checkpoints, splits and scores."""
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    cycles, keep = len(settings.labeling.cycles), settings.max_keep_checkpoints
    # One more than stays: the new checkpoint is verified before an old one goes. SGD keeps one momentum.
    return cycles * weights + (keep + 1) * (weights + trained) + cycles * 32 * pool_size


def _describe(numbers: dict[str, Any]) -> list[Finding]:
    parts = ', '.join(f'{name} {_duration(s)}' for name, s in numbers['seconds_by_part'].items())
    iterations = ', '.join(f'{name} {s:.3f} s' for name, s in numbers['seconds_by_iteration'].items())
    rows = {
        'optimizer steps': f'{numbers["steps"]:,} in {len(numbers["steps_by_cycle"])} cycles',
        'time': f'{_duration(numbers["seconds"])} ({parts}; an iteration: {iterations})',
        'disk': f'{numbers["disk_bytes"] / 1e9:.2f} GB at most',
        'labels to draw': (
            f'{numbers["images_to_label"]:,} images, {numbers["images_to_label_after_the_first"]:,} of them '
            f'after the first set; about {numbers["boxes_to_draw"]:,} boxes'
        ),
    }
    rows |= {f'time on {card}': _duration(seconds) for card, seconds in numbers['seconds_elsewhere'].items()}
    return [Finding('estimate', name, 'note', text) for name, text in rows.items()]


def _duration(seconds: float) -> str:
    return str(datetime.timedelta(seconds=round(seconds)))
