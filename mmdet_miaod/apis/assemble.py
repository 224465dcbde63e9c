"""A run put together from its config: here keys become arguments."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from mmcv import Config
from torch import nn

from .. import distributed
from ..active.annotator import SimulatedAnnotator
from ..active.cycle_scoring import CycleScorer
from ..active.cycle_training import CheckpointSettings, CycleTrainer
from ..active.loop import ActiveLearningLoop, LoopSettings
from ..active.query.base import QUERY_STRATEGIES
from ..active.selection import SelectionSettings, image_positions
from ..datasets.image_lists import text_lines
from ..engine.inference import ScoringSettings, evaluate_detector
from ..engine.progress import RunClock, RunProgress, run_steps
from ..engine.trainer import TrainSettings
from ..run.manifest import RunState
from ..version import __version__
from .config import LIST_KEYS, budget_of, labeled_sizes, schedule_of
from .data import LoaderFactory, RunData
from .model import build_model
from .run_log import cycle_table
from .run_options import RunOptions
from .run_report import refresh_report


@dataclass(frozen=True)
class Run:
    """A run that is ready to go.

    Attributes:
        loop: runs the cycles.
        trainer: trains their models.
        progress: shows how far they are.
    """

    loop: ActiveLearningLoop
    trainer: CycleTrainer
    progress: RunProgress


def assemble_run(
    config: Config,
    options: RunOptions,
    data: RunData,
    state: RunState,
    timestamp: str,
    device: torch.device,
    logger: logging.Logger,
) -> Run:
    """Put a run together.

    Args:
        config: what to run.
        options: how to run it.
        data: the run's data.
        state: the run's manifest.
        timestamp: first part of the log files' names.
        device: where the model is trained.
        logger: for the text log.
    """
    first_cycle = state.options.get('first_cycle', config.cycles[0])
    cycles = [cycle for cycle in config.cycles if cycle >= first_cycle]
    scoring = scoring_settings(config, device, len(data.pool))
    strategy = QUERY_STRATEGIES.build(dict(config.query))
    progress = RunProgress(run_clock(config, cycles, state, len(data.pool)), options.progress)
    trainer = CycleTrainer(
        schedule_of(config),
        lambda: build_model(config, data.labeled.CLASSES),
        train_settings(config, options, str(state.directory), timestamp, device, progress),
        state,
        CheckpointSettings(
            config.checkpoint_config.get('max_keep_ckpts', 3),
            dict(CLASSES=list(data.labeled.CLASSES), config=config.pretty_text, mmdet_miaod=__version__),
        ),
        logger,
    )

    def evaluate(cycle: int, model: nn.Module) -> dict[str, Any]:
        live = partial(progress.images, f'cycle {cycle} evaluation')
        return evaluate_detector(model, data.test, scoring, config.get('evaluation', {}), live)

    def end_of_cycle(cycle: int) -> None:
        logger.info('\n%s', cycle_table(state))
        if options.report:
            refresh_report(state.directory, data, logger)

    loop = ActiveLearningLoop(
        LoopSettings(
            cycles,
            config.X_L_0_size,
            selection_settings(config, data.pool.index.names),
            config.seed,
            config.get('X_U_0_from', 'end'),
        ),
        data.pool,
        SimulatedAnnotator(data.labeled),
        LoaderFactory(data, config, device),
        trainer,
        evaluate,
        CycleScorer(data.pool, strategy, scoring, state, logger, json.dumps(config.query), progress.images),
        strategy,
        state,
        logger,
        end_of_cycle,
    )
    return Run(loop, trainer, progress)


def train_settings(
    config: Config,
    options: RunOptions,
    directory: str,
    timestamp: str,
    device: torch.device,
    progress: RunProgress,
) -> TrainSettings:
    """Translate the config's keys for training."""
    return TrainSettings(
        device=device,
        work_dir=directory,
        timestamp=timestamp,
        seed=config.seed,
        optimizer=config.optimizer,
        lr_config=config.lr_config,
        log_config=config.log_config,
        grad_clip=(config.get('optimizer_config') or {}).get('grad_clip'),
        amp_dtype=(config.get('amp') or {}).get('dtype'),
        custom_hooks=(*(config.get('custom_hooks') or ()), progress.stage_hook),
    )


def scoring_settings(config: Config, device: torch.device, pool_size: int) -> ScoringSettings:
    """Translate the config's keys for evaluation and scoring."""
    return ScoringSettings(
        device,
        batch_size=config.data.get('test_samples_per_gpu', config.data.samples_per_gpu),
        workers=config.data.get('workers_per_gpu', 0),
        # A thousand chunks at most, so that the manifest stays small for large pools.
        chunk_size=max(config.get('score_chunk_size', 1024), -(-pool_size // 1000)),
    )


def selection_settings(config: Config, names: Sequence[str]) -> SelectionSettings:
    """Translate the config's keys for the query.

    Args:
        config: what to run.
        names: image names of the pool, which ``exclude`` and ``include`` are lists of.
    """
    lists = {}
    for key in LIST_KEYS:
        entries = config.get(key) or []
        lists[f'{key}d'] = image_positions(
            text_lines(entries) if isinstance(entries, str) else entries, names
        )
    return SelectionSettings(**budget_of(config), fraction=config.get('query_fraction', 1.0), **lists)


def run_clock(config: Config, cycles: list[int], state: RunState, pool_size: int) -> RunClock:
    """Count the optimizer steps of all cycles, and those of the cycles that are trained."""
    sizes = dict(zip(config.cycles, labeled_sizes(config, pool_size)))
    cycles = [cycle for cycle in cycles if cycle in sizes]
    batch = config.data.samples_per_gpu * distributed.world_size()
    labeled = [sizes[cycle] for cycle in cycles]
    steps = run_steps(schedule_of(config), labeled, (config.X_L_repeat, config.X_U_repeat), batch)
    done = sum(
        count for cycle, count in zip(cycles, steps, strict=True) if state.find('model', cycle) is not None
    )
    return RunClock(sum(steps), done)
