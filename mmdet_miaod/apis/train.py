"""A whole run, from a config to the last cycle."""

import logging
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from mmcv import Config

from .. import distributed
from ..engine.hooks import build_loggers
from ..engine.run_log import RunLog
from ..randomness import use_deterministic_algorithms
from ..run.config_copy import recorded_config
from ..run.directory import begin_run, create_run, device_name, environment_versions, resume_run
from ..run.log import buffered_log, run_log_and_lock, write_to_file
from ..run.lookup import options_of_run
from ..run.manifest import RunState
from ..run.starting_point import StartingPoint, lost_beginning
from .agreement import agree_on_settings
from .assemble import Run
from .data import unread_validation
from .photographs import run_identity, tell_copies, write_record
from .preflight import Prepared, check_before_start
from .run_options import RunOptions
from .settings import RunSettings


def train(config: Config, options: RunOptions) -> Path:
    """Run all active-learning cycles of a config, or resume a run.

    Args:
        config: from :func:`~mmdet_miaod.config.files.load_config`.
        options: how to run it.

    Returns:
        The run directory.

    Raises:
        FileNotFoundError, FileExistsError, KeyError, ValueError: before anything is trained, when the
            config, data, device or run directory is not usable.
        FloatingPointError: when a loss becomes infinite or NaN.
        LabelsWanted: when people have to label a batch first; the run is to be resumed then.
        OSError: when the disk is full.
    """
    if options.deterministic:
        use_deterministic_algorithms()
    settings = RunSettings.from_config(config)
    agree_on_settings(settings, options)
    with buffered_log() as early_records:
        if unread := unread_validation(settings.config.data):
            logging.getLogger('mmdet').warning(unread)
        prepared = check_before_start(settings, options)
        timestamp = distributed.on_main(lambda: time.strftime('%Y%m%d_%H%M%S'))
        directory = Path(options.resume or create_run(settings.work_directory, options.run_name, timestamp))
    with run_log_and_lock(directory, timestamp, settings.log_level, options.console_level) as logger:
        log = _begin_log(directory / f'{timestamp}.log.json', settings, logger)
        for record in early_records:
            logger.handle(record)
        state, start = _open_run(directory, settings, options, prepared)
        options.on_directory(directory)
        parts = dict(state=state, timestamp=timestamp, log=log)
        wanted = Run(settings=settings, options=options, prepared=prepared, **parts).run(start)
        logger.info(wanted or f'The run is finished: {directory}')
    if wanted is not None:  # out of the log's reach, where it would be an error
        raise wanted
    return directory


def _begin_log(path: Path, settings: RunSettings, logger: logging.Logger) -> RunLog:
    """Begin the log files as MMDetection's tools do; the terminal does not show it."""
    versions = '\n'.join(f'{name}: {version}' for name, version in environment_versions().items())
    line = 60 * '-'
    write_to_file(logger, f'Environment info:\n{line}\n{versions}\n{line}')
    write_to_file(logger, f'Config:\n{settings.text}')
    loggers = build_loggers(settings.training.log_config, text=False) if distributed.is_main() else ()
    log = RunLog(path, loggers)
    log.begin(dict(env_info=versions, config=settings.text, seed=settings.seed, exp_name=settings.file))
    return log


def _open_run(
    directory: Path, settings: RunSettings, options: RunOptions, prepared: Prepared
) -> tuple[RunState, StartingPoint | None]:
    """Return the run's manifest, and what is still to be taken over from an earlier run."""
    index, photographs = prepared.data.pool.index, prepared.photographs
    identity = run_identity(settings, prepared.data, photographs)
    session = options.session()
    if options.resume is None:
        facts = dict(command=options.command, device=device_name(prepared.device), session=session)
        if settings.annotator is not None:
            facts['id'] = identity.named(directory.name)
        config = (settings.file, settings.text)
        state = begin_run(directory, identity, options.start, config=config, facts=facts)
        start = options.start
    else:
        with suppress(FileNotFoundError):  # the copy is made anew then
            settings = replace(settings, file=recorded_config(directory, options_of_run(directory))[0])
        state = resume_run(
            directory,
            identity,
            pool_head=index.fingerprint,
            force=options.force,
            config=(settings.file, settings.text),
            options=dict(session=session),
        )
        start = lost_beginning(state)
    if photographs is not None:
        write_record(directory, photographs)
        tell_copies(index)
    return state, start
