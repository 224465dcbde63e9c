"""Versions, compiled ops, device, memory and the place where runs are written."""

import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from ..engine.parallel import check_device
from ..environment import import_problems, ops_problems, version_problems
from ..run.directory import environment_versions
from ..run.files import TEMPORARY_PREFIX, write_text
from ..run.folder_sync import check_folder_sync
from ..run.lock import lock_run
from .findings import Finding, tried

GIB = 1 << 30


def check_environment(device: str, work_directory: str | None, workers: int | None) -> list[Finding]:
    """Check the stack, the device, the processors and the disk.

    Args:
        device: ``'cpu'`` or ``'cuda:N'``.
        work_directory: where runs would be made; None where that is not known.
        workers: loader processes; None where they are not known.
    """
    checks: dict[str, Callable[[], Finding]] = {
        'versions': _versions,
        'compiled ops': lambda: _finding(
            'compiled ops', ops_problems() or import_problems(), "mmcv's and torchvision's NMS agree"
        ),
        'device': lambda: _device(device),
    }
    if workers is not None:
        checks['processors'] = lambda: _processors(workers)
    if work_directory is not None:
        checks['work directory'] = lambda: _work_directory(Path(work_directory))
    return [
        finding
        for name, check in checks.items()
        for finding in tried(lambda check=check: [check()], 'environment', name)
    ]


def _versions() -> Finding:
    versions = ', '.join(f'{name} {version}' for name, version in environment_versions().items())
    return _finding('versions', version_problems(), f'Python {platform.python_version()}, {versions}')


def _finding(name: str, problems: list[str], good: str) -> Finding:
    if problems:
        return Finding('environment', name, 'error', '; '.join(problems))
    return Finding('environment', name, 'ok', good)


def _device(name: str) -> Finding:
    try:
        device = check_device(name)
    except ValueError as error:
        return Finding('environment', 'device', 'error', str(error))
    if device.type == 'cpu':
        return Finding('environment', 'device', 'ok', f'cpu, {torch.get_num_threads()} threads')
    found = torch.cuda.get_device_properties(device)
    return Finding('environment', 'device', 'ok', f'{found.name}, {found.total_memory / GIB:.0f} GiB')


def _processors(workers: int) -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    if workers > cores:
        return Finding(
            'environment',
            'processors',
            'warning',
            f'data.workers_per_gpu is {workers}, but there are {cores} processors',
        )
    return Finding('environment', 'processors', 'ok', f'{cores}, of which {workers} load data')


def _work_directory(directory: Path) -> Finding:
    """It is not made: the disk is tried in the nearest folder that is there, and left as it was."""
    place = directory.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        text = f'{directory}: {place} is a file, no folder; set --work-dir'
        return Finding('environment', 'work directory', 'error', text)
    try:
        lacking = _try_disk(place)
    except OSError as error:
        text = f'{directory}: cannot be written in ({error.strerror or error}); set --work-dir'
        return Finding('environment', 'work directory', 'error', text)
    free = f'{directory}: {shutil.disk_usage(place).free / GIB:.1f} GiB free'
    return Finding(
        'environment', 'work directory', 'warning' if lacking else 'ok', '; '.join([free, *lacking])
    )


def _try_disk(place: Path) -> list[str]:
    """Write a file, take a lock and sync a folder; returns what the file system does not guarantee."""
    with TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=place) as name:
        folder = Path(name)
        write_text(folder / 'file', 1000 * 'a')
        lock = lock_run(folder)
        lock.release()
        return [text for text in (lock.warning, check_folder_sync(folder)) if text]
