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
    checks: dict[str, Callable[[], tuple[str, str]]] = {
        'versions': _versions,
        'compiled ops': lambda: _outcome(
            ops_problems() or import_problems(), "mmcv's and torchvision's NMS agree"
        ),
        'device': lambda: _device(device),
    }
    if workers is not None:
        checks['processors'] = lambda: _processors(workers)
    if work_directory is not None:
        checks['work directory'] = lambda: _work_directory(Path(work_directory))
    findings: list[Finding] = []
    for name, check in checks.items():
        with tried(findings, 'environment', name):
            findings.append(Finding('environment', name, *check()))
    return findings


def _versions() -> tuple[str, str]:
    versions = ', '.join(f'{name} {version}' for name, version in environment_versions().items())
    return _outcome(version_problems(), f'Python {platform.python_version()}, {versions}')


def _outcome(problems: list[str], good: str) -> tuple[str, str]:
    return ('error', '; '.join(problems)) if problems else ('ok', good)


def _device(name: str) -> tuple[str, str]:
    device = check_device(name)
    if device.type == 'cpu':
        return 'ok', f'cpu, {torch.get_num_threads()} threads'
    found = torch.cuda.get_device_properties(device)
    return 'ok', f'{found.name}, {found.total_memory / GIB:.0f} GiB'


def _processors(workers: int) -> tuple[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    if workers > cores:
        return 'warning', f'data.workers_per_gpu is {workers}, but there are {cores} processors'
    return 'ok', f'{cores}, of which {workers} load data'


def _work_directory(directory: Path) -> tuple[str, str]:
    """It is not made: the disk is tried in the nearest folder that is there, and left as it was."""
    place = directory.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        return 'error', f'{directory}: {place} is a file, no folder; set --work-dir'
    try:
        lacking = _try_disk(place)
    except OSError as error:
        return 'error', f'{directory}: cannot be written in ({error.strerror or error}); set --work-dir'
    free = f'{directory}: {shutil.disk_usage(place).free / GIB:.1f} GiB free'
    return 'warning' if lacking else 'ok', '; '.join([free, *lacking])


def _try_disk(place: Path) -> list[str]:
    """Write a file, take a lock and sync a folder; returns what the file system does not guarantee."""
    with TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=place) as name:
        folder = Path(name)
        write_text(folder / 'file', 1000 * 'a')
        lock = lock_run(folder)
        lock.release()
        return [text for text in (lock.warning, check_folder_sync(folder)) if text]
