"""What a whole run will take: steps, time, disk, labels to draw."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np
from mmcv import Config
from torch import nn

from .. import distributed
from ..active.query.base import QUERY_STRATEGIES
from ..apis.config import labeled_sizes, schedule_of
from ..apis.data import LoaderFactory
from ..apis.model import build_model
from ..apis.preflight import Prepared
from ..datasets.loaders import TrainLoader
from ..engine.progress import run_steps, stage_steps
from .findings import Finding
from .step_timing import StepTimes, time_steps


def estimate(config: Config, prepared: Prepared) -> tuple[list[Finding], dict[str, Any]]:
    """Time a few steps and extrapolate to all cycles.

    Args:
        config: what would be run.
        prepared: from the quick checks; the first labels are there.

    Returns:
        The findings, and the numbers: ``steps``, ``seconds``, ``disk_bytes``, ``images_to_label``,
        ``boxes_to_draw`` and what they are made of.
    """
    data = prepared.data
    split = prepared.first_split
    loaders = LoaderFactory(data, config, prepared.device)(split)
    model = build_model(config, data.labeled.CLASSES).to(prepared.device)
    disk = _disk(config, model, len(data.pool))
    times = time_steps(config, prepared, loaders, model)
    sizes = labeled_sizes(config, len(data.pool))
    batch = config.data.samples_per_gpu * distributed.world_size()
    steps = run_steps(schedule_of(config), sizes, (config.X_L_repeat, config.X_U_repeat), batch)
    seconds = _seconds(config, times, loaders, sizes, len(data.pool), len(data.test))
    boxes = np.mean([len(data.labeled.get_ann_info(int(i))['labels']) for i in split.labeled])
    numbers = dict(
        steps=sum(steps),
        steps_by_cycle=steps,
        seconds=sum(seconds.values()),
        seconds_by_part=seconds,
        seconds_by_iteration=times.stages,
        disk_bytes=disk,
        images_to_label=sizes[-1],
        images_to_label_after_the_first=sizes[-1] - sizes[0],
        boxes_by_image=float(boxes),
        boxes_to_draw=round(float(boxes) * sizes[-1]),
    )
    return _describe(numbers), numbers


def _seconds(
    config: Config,
    times: StepTimes,
    loaders: Mapping[str, TrainLoader],
    sizes: list[int],
    pool_size: int,
    test_size: int,
) -> dict[str, float]:
    """Seconds of all cycles together by part."""
    lengths = {tag: len(loader) for tag, loader in loaders.items()}
    training = 0.0
    for size in sizes:
        grown = {tag: -(-length * size // sizes[0]) for tag, length in lengths.items()}
        for stage in schedule_of(config):
            steps = stage_steps(stage, grown['labeled'], grown.get('unlabeled', 0))
            training += times.stages[stage.name] * steps / len(stage.tags)
    needs_model = QUERY_STRATEGIES.build(dict(config.query)).needs_model
    scored = sum(pool_size - size for size in sizes[: len(config.cycles) - 1]) if needs_model else 0
    return dict(train=training, score=times.score * scored, evaluate=times.evaluate * test_size * len(sizes))


def _disk(config: Config, model: nn.Module, pool_size: int) -> int:
    """Bytes of a run directory at its fullest: final models, resume checkpoints, splits and scores."""
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    cycles = len(config.cycles)
    keep = config.checkpoint_config.get('max_keep_ckpts', 3)
    # One more than stays: the new checkpoint is verified before an old one goes. SGD keeps one momentum.
    return cycles * weights + (keep + 1) * (weights + trained) + cycles * 32 * pool_size


def _describe(numbers: dict[str, Any]) -> list[Finding]:
    duration = datetime.timedelta(seconds=round(numbers['seconds']))
    parts = ', '.join(
        f'{name} {datetime.timedelta(seconds=round(s))}' for name, s in numbers['seconds_by_part'].items()
    )
    iterations = ', '.join(f'{name} {s:.3f} s' for name, s in numbers['seconds_by_iteration'].items())
    rows = {
        'optimizer steps': f'{numbers["steps"]:,} in {len(numbers["steps_by_cycle"])} cycles',
        'time': f'{duration} ({parts}; an iteration: {iterations})',
        'disk': f'{numbers["disk_bytes"] / 1e9:.2f} GB at most',
        'labels to draw': (
            f'{numbers["images_to_label"]:,} images, {numbers["images_to_label_after_the_first"]:,} of them '
            f'after the first set; about {numbers["boxes_to_draw"]:,} boxes'
        ),
    }
    return [Finding('estimate', name, 'note', text) for name, text in rows.items()]
