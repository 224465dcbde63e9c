"""A whole run, from a config to the last cycle."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcv import Config

from .. import distributed
from ..active.split import load_split
from ..randomness import use_deterministic_algorithms
from ..run.file_record import DamagedFileError
from ..run.lock import lock_run
from ..run.manifest import RunState
from .assemble import Run, assemble_run
from .model import load_weights
from .preflight import check_before_start
from .run_directory import create_run, create_unnamed_run, dump_config, open_run
from .run_log import buffered_log, run_logger
from .run_options import RunOptions, StartingPoint
from .run_report import refresh_report


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
    if options.deterministic:
        use_deterministic_algorithms()
    with buffered_log() as early_records:
        prepared = check_before_start(config, options)
        data = prepared.data
        timestamp = distributed.on_main(lambda: time.strftime('%Y%m%d_%H%M%S'))
        if options.resume is None:
            directory = distributed.on_main(lambda: _create_run(config, options.run_name, timestamp))
        else:
            directory = Path(options.resume)
    with run_log_and_lock(directory, timestamp, config, options) as logger:
        for record in early_records:
            logger.handle(record)
        resume = options.resume is not None
        if not resume:
            distributed.on_main(lambda: dump_config(config, directory))
        began = {} if options.start is None else options.start.to_manifest()
        state = open_run(directory, config, data, resume, options.force, logger, began)
        options.on_directory(directory)
        start = _lost_beginning(state) if resume else options.start
        run = assemble_run(config, options, data, state, timestamp, prepared.device, logger)
        if start is not None:
            _begin_with(run, start, len(data.pool))
        try:
            run.loop.run()
        finally:
            run.progress.close()
        if options.report:
            refresh_report(directory, data, logger, last=True)
        logger.info('The run is finished: %s', directory)
    return directory


def _create_run(config: Config, name: str | None, timestamp: str) -> Path:
    if name is None:
        return create_unnamed_run(config.work_directory, timestamp)
    return create_run(config.work_directory, name)


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


def _lost_beginning(state: RunState) -> StartingPoint | None:
    """Return what a resumed run was given to begin with, where it does not have that (any more).

    Raises:
        ValueError: when the files that it was given are not there any more either.
    """
    first = state.options.get('first_cycle')
    needed = ['split', 'model'] if state.options.get('first_model_given') else ['split']
    if first is None or all(state.find(kind, first) is not None for kind in needed):
        return None
    try:
        return StartingPoint.from_manifest(state.options)
    except DamagedFileError as error:
        raise ValueError(
            f'{state.directory}: the split or model that this run was given is not there, or damaged, and '
            f'cannot be taken from where it came from ({error}); begin a new run with --init-split'
        ) from error


def _begin_with(run: Run, start: StartingPoint, pool_size: int) -> None:
    split = load_split(start.labeled_path, start.unlabeled_path, pool_size)
    run.loop.save_split(start.cycle, split)
    if start.model_path is not None:
        model = run.trainer.fresh_model()
        load_weights(model, start.model_path)
        run.trainer.save_model(start.cycle, model)
