"""Run directories: making one, finding one, opening one."""

from __future__ import annotations

import itertools
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import mmcv
import mmdet
import numpy as np
import torch
import torchvision
from mmcv import Config

from .. import distributed
from ..run.file_record import DamagedFileError
from ..run.files import TEMPORARY_PREFIX, make_directory, remove_temporary_files, write_text
from ..run.identity import RunIdentity
from ..run.lock import LOCK_NAME
from ..run.manifest import MANIFEST_NAME, PREVIOUS_NAME, RunState
from ..version import __version__
from .config import identity_text
from .data import RunData


def create_run(work_directory: str | Path, name: str) -> Path:
    """Make a new run directory.

    Raises:
        FileExistsError: when it exists already; a new run never touches an old one.
        ValueError: when the name is a path.
    """
    if name in ('', '.', '..') or Path(name).name != name:
        raise ValueError(f'--run-name {name!r}: expected the name of a folder; --work-dir says where')
    directory = Path(work_directory) / name
    if not never_started(directory):
        try:
            make_directory(directory, exist_ok=False)
        except FileExistsError:
            raise FileExistsError(
                f'{directory}: this run directory exists already; choose another --run-name, or go on with '
                f'that run with --resume {directory}'
            ) from None
    return directory


def create_unnamed_run(work_directory: str | Path, timestamp: str) -> Path:
    """Make a new run directory called after the time, with a number where another run has that name."""
    for number in itertools.count(1):
        directory = Path(work_directory) / (timestamp if number == 1 else f'{timestamp}_{number}')
        with suppress(FileExistsError):
            return make_directory(directory, exist_ok=False)


def dump_config(config: Config, directory: Path) -> None:
    """Write the config as it is used into the run directory, under its name, as Python whatever it was."""
    name = Path(config.filename or 'config.py').with_suffix('.py').name
    write_text(directory / name, config.pretty_text)


def never_started(directory: Path) -> bool:
    """Tell whether a run was stopped here before its first manifest was whole: there is nothing to lose."""
    if not directory.is_dir():
        return False
    harmless = (LOCK_NAME, MANIFEST_NAME, TEMPORARY_PREFIX)
    if not all(
        path.is_file() and (path.name.startswith(harmless) or path.suffix in ('.py', '.log'))
        for path in directory.iterdir()
    ):
        return False
    try:
        RunState.load(directory)
    except (FileNotFoundError, DamagedFileError):
        return True
    return False


def check_run_directory(directory: Path) -> None:
    """Check that there is a run to resume.

    Raises:
        FileNotFoundError: when there is none.
    """
    if never_started(directory):
        raise FileNotFoundError(
            f'{directory}: this run was stopped before it began; start it again with --run-name '
            f'{directory.name} in place of --resume'
        )
    if not any((directory / name).exists() for name in (MANIFEST_NAME, PREVIOUS_NAME)):
        raise FileNotFoundError(f'{directory}: there is no run to resume here (no {MANIFEST_NAME})')


def newest_run(work_directory: str | Path) -> Path:
    """Return the run directory of a work directory whose manifest was written last.

    Raises:
        FileNotFoundError: when there is none.
    """
    names = (MANIFEST_NAME, PREVIOUS_NAME)
    manifests = [path for name in names for path in Path(work_directory).glob(f'*/{name}')]
    if not manifests:
        raise FileNotFoundError(f'{work_directory}: there is no run to resume here')
    return max(manifests, key=lambda path: path.stat().st_mtime).parent


def open_run(
    directory: Path,
    config: Config,
    data: RunData,
    resume: bool,
    force: bool,
    logger: logging.Logger,
    start: dict[str, Any] | None = None,
) -> RunState:
    """Start a run's manifest, or read it and go back to the newest state whose files are intact.

    Args:
        directory: the run directory, locked by this process.
        config: the config as it is now.
        data: the data as it is now.
        resume: whether the run was begun before.
        force: go on even though the config or the pool changed.
        logger: is told what is damaged.
        start: what a new run remembers about where it began.

    Raises:
        FileNotFoundError: when there is no manifest to resume from.
        ValueError: when the manifest is damaged, or the config or the pool changed.
    """
    identity = RunIdentity(identity_text(config), data.pool.index.fingerprint(), len(data.pool), config.seed)
    state = RunState(directory, identity, environment_versions(), start)
    if not resume:
        distributed.on_main(lambda: _refuse_begun(directory))
        state.save()
        return state
    saved = distributed.on_main(lambda: _read_state(directory, logger))
    state.steps, state.options = saved.steps, saved.options
    changes = saved.identity.differences(identity)
    if changes and not force:
        raise ValueError(
            f'{directory}: the config or the data is not what this run began with; resume with the old '
            f'one, or with --force:\n{changes}'
        )
    if changes:
        logger.warning('Going on although this changed:\n%s', changes)
    state.save()
    return state


def _refuse_begun(directory: Path) -> None:
    if (directory / MANIFEST_NAME).exists() and not never_started(directory):
        raise FileExistsError(f'{directory}: another process began a run here in this moment')


def _read_state(directory: Path, logger: logging.Logger) -> RunState:
    remove_temporary_files(directory)
    saved, damage = RunState.recover(directory)
    if damage:
        logger.warning('Damaged: %s. The run goes on from the manifest before it.', damage)
    steps_before = len(saved.steps)
    for problem in saved.rewind_to_intact():
        logger.warning('Damaged: %s', problem)
    lost = steps_before - len(saved.steps)
    if lost:
        logger.warning('The run goes back by %d steps, to the newest state whose files are intact.', lost)
    return saved


def environment_versions() -> dict[str, str]:
    """Return the versions of what the numbers depend on."""
    modules = (torch, torchvision, mmcv, mmdet, np)
    versions = {module.__name__: str(module.__version__) for module in modules}
    return dict(versions, mmdet_miaod=__version__)
