"""A whole run, from a config to the last cycle."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from mmcv import Config

from .. import distributed
from ..active.annotator import SimulatedAnnotator
from ..active.cycle_scoring import CycleScorer
from ..active.cycle_training import CheckpointSettings, CycleTrainer
from ..active.loop import ActiveLearningLoop, LoopSettings
from ..active.pool import Split, load_split
from ..active.query import QUERY_STRATEGIES
from ..active.run_state import RunState, lock_run
from ..active.scoring import ScoringSettings
from ..engine.parallel import check_device
from ..engine.progress import ProgressHook, RunClock, run_steps
from ..engine.trainer import TrainSettings
from ..randomness import use_deterministic_algorithms
from ..version import __version__
from .config import schedule_of
from .data import LoaderFactory, RunData, load_data
from .evaluate import evaluate_detector
from .model import build_model, load_weights
from .run_directory import create_run, open_run
from .run_log import cycle_table, run_logger


@dataclass(frozen=True)
class StartingPoint:
    """A split, and perhaps a model, of an earlier run to go on from.

    Attributes:
        labeled_path: its ``X_L_{c}.npy``.
        unlabeled_path: its ``X_U_{c}.npy``.
        cycle: the number that cycle gets in the new run.
        model_path: the model that was trained on this split; without one the cycle is trained again.
    """

    labeled_path: str
    unlabeled_path: str
    cycle: int
    model_path: str | None = None


@dataclass(frozen=True)
class RunOptions:
    """How to run a config; none of it changes the numbers but the starting point.

    Attributes:
        device: ``'cpu'`` or ``'cuda:N'``.
        run_name: name of the new run's folder in the work directory; a timestamp by default.
        resume: run directory to go on with.
        force: go on even though the config or the pool changed.
        deterministic: ask PyTorch for deterministic algorithms.
        start: a split to begin with.
        console_level: what the terminal shows of the log.
        progress: draw the progress bar when there is a terminal.
    """

    device: str = 'cpu'
    run_name: str | None = None
    resume: str | None = None
    force: bool = False
    deterministic: bool = False
    start: StartingPoint | None = None
    console_level: str | None = None
    progress: bool = True


def train(config: Config, options: RunOptions) -> Path:
    """Run, or go on with, all active-learning cycles of a config.

    Args:
        config: from :func:`~mmdet_miaod.apis.config.load_config`.
        options: how to run it.

    Returns:
        The run directory.

    Raises:
        FileNotFoundError, FileExistsError, KeyError, ValueError: before anything is trained, when the
            config, data, device or run directory is not usable.
        FloatingPointError: when a loss becomes infinite or NaN.
        OSError: when the disk is full.
    """
    device = check_device(options.device)
    if options.deterministic:
        use_deterministic_algorithms()
    data = load_data(config)
    build_model(config, data.labeled.CLASSES)  # whatever is wrong with the model comes to light here
    start = _load_start(options.start, config, data)
    timestamp = distributed.on_main(lambda: time.strftime('%Y%m%d_%H%M%S'))
    if options.resume is None:
        name = options.run_name or timestamp
        directory = distributed.on_main(lambda: create_run(config, name))
    else:
        directory = Path(options.resume)
    with run_log_and_lock(directory, timestamp, config, options) as logger:
        state = open_run(directory, config, data, options.resume is not None, options.force, logger)
        _run(
            config,
            options,
            data,
            state,
            start,
            TrainSettings(
                device=device,
                work_dir=str(directory),
                timestamp=timestamp,
                seed=config.seed,
                optimizer=config.optimizer,
                lr_config=config.lr_config,
                log_config=config.log_config,
                grad_clip=(config.get('optimizer_config') or {}).get('grad_clip'),
                amp_dtype=(config.get('amp') or {}).get('dtype'),
                custom_hooks=config.get('custom_hooks') or (),
            ),
            logger,
        )
    return directory


@contextmanager
def run_log_and_lock(
    directory: Path, timestamp: str, config: Config, options: RunOptions
) -> Iterator[logging.Logger]:
    """Hold the run directory's lock and write its log, for as long as the context lasts."""
    locks = []
    # The lock object cannot be sent to other processes, so it is kept aside.
    distributed.on_main(lambda: locks.append(lock_run(directory)))
    try:
        level = config.get('log_level', 'INFO')
        with run_logger(directory / f'{timestamp}.log', level, options.console_level) as logger:
            yield logger
    finally:
        for lock in locks:
            lock.release()


def _load_start(start: StartingPoint | None, config: Config, data: RunData) -> Split | None:
    if start is None:
        return None
    if start.cycle not in config.cycles:
        raise ValueError(f'--start-cycle {start.cycle} is not in cycles {list(config.cycles)}')
    if start.model_path is not None:
        load_weights(build_model(config, data.labeled.CLASSES), start.model_path)
    return load_split(start.labeled_path, start.unlabeled_path, len(data.pool))


def _run(
    config: Config,
    options: RunOptions,
    data: RunData,
    state: RunState,
    start: Split | None,
    settings: TrainSettings,
    logger: logging.Logger,
) -> None:
    cycles = list(config.cycles)
    if options.start is not None:
        state.options['first_cycle'] = options.start.cycle
    cycles = [cycle for cycle in cycles if cycle >= state.options.get('first_cycle', cycles[0])]
    scoring = scoring_settings(config, settings.device, len(data.pool))
    strategy = QUERY_STRATEGIES.build(dict(config.query))
    clock = _run_clock(config, cycles, state, len(data.pool), start)
    trainer = CycleTrainer(
        schedule_of(config),
        lambda: build_model(config, data.labeled.CLASSES),
        replace(
            settings, custom_hooks=(*settings.custom_hooks, lambda: ProgressHook(clock, options.progress))
        ),
        state,
        CheckpointSettings(
            config.checkpoint_config.get('max_keep_ckpts', 3),
            dict(CLASSES=list(data.labeled.CLASSES), config=config.pretty_text, mmdet_miaod=__version__),
        ),
        logger,
    )
    loop = ActiveLearningLoop(
        LoopSettings(
            cycles, config.X_L_0_size, config.X_S_size, config.seed, config.get('X_U_0_from', 'end')
        ),
        data.pool,
        SimulatedAnnotator(data.labeled),
        LoaderFactory(data, config, settings.device),
        trainer,
        lambda model: evaluate_detector(model, data.test, scoring, config.get('evaluation', {})),
        CycleScorer(data.pool, strategy, scoring, state, logger),
        strategy,
        state,
        logger,
        lambda cycle: logger.info('\n%s', cycle_table(state)),
    )
    if start is not None:
        loop.save_split(cycles[0], start)
        if options.start.model_path is not None:
            model = trainer.fresh_model()
            load_weights(model, options.start.model_path)
            trainer.save_model(cycles[0], model)
    loop.run()
    logger.info('The run is finished: %s', state.directory)


def scoring_settings(config: Config, device: torch.device, pool_size: int) -> ScoringSettings:
    """Translate the config's keys for evaluation and scoring."""
    return ScoringSettings(
        device,
        batch_size=config.data.get('test_samples_per_gpu', config.data.samples_per_gpu),
        workers=config.data.get('workers_per_gpu', 0),
        # A thousand chunks at most, so that the manifest stays small for large pools.
        chunk_size=max(config.get('score_chunk_size', 1024), -(-pool_size // 1000)),
    )


def _run_clock(
    config: Config, cycles: list[int], state: RunState, pool_size: int, start: Split | None
) -> RunClock:
    first = len(start.labeled) if start is not None else config.X_L_0_size
    sizes = [min(first + number * config.X_S_size, pool_size) for number in range(len(cycles))]
    batch = config.data.samples_per_gpu * distributed.world_size()
    schedule = schedule_of(config)
    steps = run_steps(schedule, sizes, (config.X_L_repeat, config.X_U_repeat), batch)
    done = sum(
        count for cycle, count in zip(cycles, steps, strict=True) if state.find('model', cycle) is not None
    )
    return RunClock(sum(steps), done)
