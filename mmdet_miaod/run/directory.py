"""Run directories: making one, finding one, opening one."""

import itertools
import logging
import platform
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import mmcv
import mmdet
import numpy as np
import torch
import torchvision

from .. import distributed
from ..regular_files import read_text
from ..version import __version__
from .config_copy import config_facts
from .files import make_directory, remove_temporary_files, write_text
from .identity import RunIdentity
from .lookup import has_manifest, never_started
from .manifest import RunState
from .starting_point import StartingPoint

_LOGGER = logging.getLogger('mmdet')


@distributed.main_only
def create_run(work_directory: str | Path, name: str | None, timestamp: str = '') -> Path:
    """Make a new run directory.

    Args:
        work_directory: where run directories are made.
        name: name of the run directory; None: the timestamp, with a number where another run has that name.
        timestamp: the time, as text.

    Raises:
        FileExistsError: it exists already; a new run never touches an old one.
        ValueError: the name is a path.
    """
    if name is None:
        return _create_unnamed_run(Path(work_directory), timestamp)
    if name in ('', '.', '..') or Path(name).name != name or not name.isprintable():
        raise ValueError(
            f'--run-name {name!r}: expected the name of a folder, in letters that can be shown; '
            '--work-dir says where'
        )
    directory = Path(work_directory) / name
    if not never_started(directory):
        try:
            make_directory(directory, exist_ok=False)
        except FileExistsError:
            resume = f', or resume that run with --resume {directory}' if has_manifest(directory) else ''
            raise FileExistsError(
                f'{directory}: exists already and is not empty; choose another --run-name{resume}'
            ) from None
    return directory


def _create_unnamed_run(work_directory: Path, timestamp: str) -> Path:
    for number in itertools.count(1):
        directory = work_directory / (timestamp if number == 1 else f'{timestamp}_{number}')
        with suppress(FileExistsError):
            return make_directory(directory, exist_ok=False)


def begin_run(
    directory: Path,
    identity: RunIdentity,
    start: StartingPoint | None,
    *,
    config: tuple[str, str],
    facts: Mapping[str, Any],
) -> RunState:
    """Write a new run's first files and its manifest.

    Args:
        directory: the run directory, locked by this process.
        identity: what the run is.
        start: what it begins with, for a run that is resumed; None: with a first split of its own.
        config: name and text of the copy of its config.
        facts: for the record, such as the command and the device.

    Raises:
        FileExistsError: another process began a run there.
    """
    _check_unbegun(directory)
    began = {} if start is None else start.to_manifest()
    state = RunState(directory, identity, environment_versions(), {**facts, **began, **config_facts(*config)})
    state.save()  # first: a folder with anything but the first session's logs is nobody's to begin in
    distributed.on_main(lambda: _write_copy(directory, *config))
    return state


@distributed.main_only
def _check_unbegun(directory: Path) -> None:
    if not never_started(directory):
        raise FileExistsError(f'{directory}: another process began a run here in this moment')


def resume_run(
    directory: Path,
    identity: RunIdentity,
    *,
    pool_head: Callable[[int], str],
    force: bool,
    config: tuple[str, str],
    options: Mapping[str, Any],
) -> RunState:
    """Read a run's manifest and go back to the newest state whose files are intact.

    Args:
        directory: the run directory, locked by this process.
        identity: what the run would be now.
        pool_head: fingerprint of the first images of the pool as it is now, by their number.
        force: resume even though the config changed, or images were added behind those of the pool.
        config: name and text of the copy of its config, to be written where it differs.
        options: plain values for the manifest, in place of the earlier ones of these names.

    Raises:
        FileNotFoundError: there is no manifest to resume from.
        ValueError: the manifest is damaged, the config changed, or the pool is another one.
    """
    saved = _read_state(directory)
    _check_pool(saved, identity, pool_head)
    changes = saved.identity.differences(identity)
    if changes and not force:
        raise ValueError(
            f'{directory}: the config or the data is not what this run began with; resume with the old '
            f'one, or with --force:\n{changes}'
        )
    if changes:
        _LOGGER.warning('Resuming although this changed:\n%s', changes)
    distributed.on_main(lambda: _write_copy(directory, *config))
    options = {**saved.options, **options, **config_facts(*config)}
    state = RunState(directory, identity, environment_versions(), options, saved.steps)
    state.save()
    return state


def _check_pool(saved: RunState, identity: RunIdentity, pool_head: Callable[[int], str]) -> None:
    """Refuse a pool in which an index means another image than when the run began."""
    before, now = saved.identity, identity
    if before.pool_fingerprint == now.pool_fingerprint:
        return
    if before.pool_size <= now.pool_size and pool_head(before.pool_size) == before.pool_fingerprint:
        return
    begun = [step.cycle for step in saved.of_kind('split')]
    again = f'--init-split {saved.directory / f"cycle{begun[-1]}"} --start-cycle {begun[-1]}' if begun else ''
    if begun and saved.find('model', begun[-1]) is not None:
        again += f' --load-from {saved.directory / f"cycle{begun[-1]}" / "model.pth"}'
    raise ValueError(
        f'{saved.directory}: the pool had {before.pool_size} images when this run began and has '
        f'{now.pool_size} now, and images were taken off, renamed or put between the others: the numbers '
        'that the run keeps would mean other images, so it is not resumed, with --force neither. Put the '
        'image lists back as they were (new images may follow at the end of the last list)'
        + (f', or begin a new run, which finds the images of this one by name: {again}' if again else '')
    )


def _write_copy(directory: Path, name: str, text: str) -> None:
    path = directory / name
    if not path.is_file() or read_text(path, errors='replace') != text:
        write_text(path, text)


@distributed.main_only
def _read_state(directory: Path) -> RunState:
    remove_temporary_files(directory)
    saved, damage = RunState.recover(directory)
    if damage:
        _LOGGER.warning('Damaged: %s. The run resumes from the manifest before it.', damage)
    steps_before = len(saved.steps)
    for problem in saved.rewind_to_intact():
        _LOGGER.warning('Damaged: %s', problem)
    lost = steps_before - len(saved.steps)
    if lost:
        _LOGGER.warning('The run goes back by %d steps, to the newest state whose files are intact.', lost)
    return saved


def environment_versions() -> dict[str, str]:
    """Return the versions of what the numbers depend on, the project's commit where it is a git checkout."""
    modules = (torch, torchvision, mmcv, mmdet, np)
    versions = {module.__name__: str(module.__version__) for module in modules}
    versions['mmdet_miaod'] = __version__
    if commit := _commit():
        versions['commit'] = commit
    return versions


def _commit() -> str:
    root = Path(__file__).resolve().parents[2]
    if not (root / '.git').exists():  # an installed package, which may lie within another project's checkout
        return ''
    command = ['git', '-C', str(root), 'describe', '--always', '--dirty', '--abbrev=12']
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ''


def device_name(device: torch.device) -> str:
    """Return what a device is, for people."""
    if device.type == 'cuda':
        return f'{device} ({torch.cuda.get_device_name(device)})'
    return f'{device} ({platform.machine()}, {torch.get_num_threads()} threads)'
