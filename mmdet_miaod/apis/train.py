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
from ..run.directory import begin_run, create_run, resume_run
from ..run.file_record import DamagedFileError
from ..run.files import write_text
from ..run.identity import RunIdentity
from ..run.lock import lock_run
from ..run.log import buffered_log, run_logger
from ..run.manifest import RunState
from .assemble import Run, assemble_run
from .data import RunData
from .model import load_weights
from .preflight import check_before_start
from .run_options import RunOptions, StartingPoint
from .run_report import refresh_report
from .settings import RunSettings


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
    settings = RunSettings.from_config(config)
    with buffered_log() as early_records:
        prepared = check_before_start(settings, options)
        timestamp = distributed.on_main(lambda: time.strftime('%Y%m%d_%H%M%S'))
        if options.resume is None:
            directory = distributed.on_main(
                lambda: create_run(settings.work_directory, options.run_name, timestamp)
            )
        else:
            directory = Path(options.resume)
    with run_log_and_lock(directory, timestamp, settings.log_level, options.console_level) as logger:
        for record in early_records:
            logger.handle(record)
        state, start = _open_run(directory, settings, options, prepared.data, logger)
        options.on_directory(directory)
        run = assemble_run(
            settings, options, prepared=prepared, state=state, timestamp=timestamp, logger=logger
        )
        if start is not None:
            _begin_with(run, start, len(prepared.data.pool))
        try:
            run.loop.run()
        finally:
            run.progress.close()
        if options.report:
            refresh_report(directory, prepared.data, logger, last=True)
        logger.info('The run is finished: %s', directory)
    return directory


@contextmanager
def run_log_and_lock(
    directory: Path, timestamp: str, level: str, console_level: str | None
) -> Iterator[logging.Logger]:
    """Hold the run directory's lock and write its log, for as long as the context lasts."""
    locks = []
    # The lock object cannot be sent to other processes, so it is kept aside.
    distributed.on_main(lambda: locks.append(lock_run(directory)))
    try:
        with run_logger(directory / f'{timestamp}.log', level, console_level) as logger:
            yield logger
    finally:
        for lock in locks:
            lock.release()


def _open_run(
    directory: Path, settings: RunSettings, options: RunOptions, data: RunData, logger: logging.Logger
) -> tuple[RunState, StartingPoint | None]:
    """Return the run's manifest, and what is still to be taken over from an earlier run."""
    pool = data.pool
    identity = RunIdentity(settings.identity, pool.index.fingerprint(), len(pool), settings.seed)
    if options.resume is not None:
        state = resume_run(directory, identity, options.force, logger)
        return state, _lost_beginning(state)
    distributed.on_main(lambda: write_text(directory / settings.file, settings.text))
    began = {} if options.start is None else options.start.to_manifest()
    return begin_run(directory, identity, began), options.start


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
    run.loop.save_split(start.cycle, load_split(start.labeled_path, start.unlabeled_path, pool_size))
    if start.model_path is not None:
        model = run.trainer.fresh_model()
        load_weights(model, start.model_path)
        run.state.once('model', start.cycle, lambda: run.trainer.save_model(start.cycle, model))
