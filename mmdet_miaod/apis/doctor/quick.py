"""The quick part of the checks: what tools/train.py does before anything is written or trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from mmcv import Config

from ...active.pool import Split, load_split
from ...engine.parallel import check_device
from ...engine.progress import RunClock, RunProgress
from ..assemble import train_settings
from ..config import check_config
from ..data import RunData, load_data
from ..model import build_model, load_weights
from ..preflight import (
    check_detections,
    check_evaluation,
    check_first_split,
    check_query,
    check_samples,
    check_stages,
)
from ..run_directory import check_run_directory
from ..run_options import RunOptions, StartingPoint


@dataclass(frozen=True)
class Prepared:
    """What the quick checks leave for a run to use, so that nothing is read twice.

    Attributes:
        device: where the model is to be trained.
        data: indexed and checked; of a new run the first labels are asked for already.
        first_split: the split that a new run begins with, None when a run is resumed.
    """

    device: torch.device
    data: RunData
    first_split: Split | None


def check_before_start(
    config: Config,
    options: RunOptions,
    on_passed: Callable[[str, str], None] = lambda name, detail: None,
) -> Prepared:
    """Check a config and all that it names; stops at the first thing that a run would stop at.

    Args:
        config: what to run.
        options: how to run it.
        on_passed: is told the name of each check that passed, and what was found.

    Raises:
        FileNotFoundError, KeyError, ValueError, ImportError: what is not usable, and what to do about it.
    """
    check_config(config)
    on_passed('config', f'{config.filename or "the config"} has every key')
    device = check_device(options.device)
    on_passed('device', str(device))
    data = load_data(config)
    on_passed(
        'pool and test set',
        f'{len(data.pool)} and {len(data.test)} images, {len(data.labeled.CLASSES)} classes',
    )
    start = _load_start(options.start, config, data)
    check_query(config)
    on_passed('query', config.query['type'])
    check_evaluation(config, data.test)
    on_passed('evaluation', str(config.get('evaluation', {}).get('metric', '')))
    model = build_model(config, data.labeled.CLASSES)
    check_detections(model)
    progress = RunProgress(RunClock(0), show=False)
    check_stages(config, model, train_settings(config, options, '', '', device, progress))
    on_passed('model, stages and hooks', f'{sum(p.numel() for p in model.parameters()):,} parameters')
    first_split = None
    if options.resume is None:
        first_split = check_first_split(config, data, start)
        on_passed('first labels', f'{len(first_split.labeled)} images')
        check_samples(data, first_split)
        on_passed('pipelines', 'an image of each kind was loaded')
    else:
        check_run_directory(Path(options.resume))
    return Prepared(device, data, first_split)


def _load_start(start: StartingPoint | None, config: Config, data: RunData) -> Split | None:
    if start is None:
        return None
    if start.cycle not in config.cycles:
        raise ValueError(f'--start-cycle {start.cycle} is not in cycles {list(config.cycles)}')
    if start.model_path is not None:
        load_weights(build_model(config, data.labeled.CLASSES), start.model_path)
    return load_split(start.labeled_path, start.unlabeled_path, len(data.pool))
