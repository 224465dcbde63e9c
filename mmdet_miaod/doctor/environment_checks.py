"""Versions, compiled ops, device, memory and the place where runs are written."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

import torch

from ..apis.settings import RunSettings
from ..engine.parallel import check_device
from ..environment import import_problems, ops_problems, version_problems
from ..run.directory import environment_versions
from .findings import Finding

GIB = 1 << 30


def check_environment(settings: RunSettings, device: str) -> list[Finding]:
    """Check what the config does not decide: the stack, the device, the disk."""
    versions = ', '.join(f'{name} {version}' for name, version in environment_versions().items())
    return [
        _finding('versions', version_problems(), f'Python {platform.python_version()}, {versions}'),
        _finding('compiled ops', ops_problems() or import_problems(), "mmcv's and torchvision's NMS agree"),
        _device(device),
        _processors(settings.loaders.workers),
        _work_directory(Path(settings.work_directory)),
    ]


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
    """Only looked at, never made."""
    place = directory.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Finding(
            'environment', 'work directory', 'error', f'{directory}: cannot be written in; set --work-dir'
        )
    free = shutil.disk_usage(place).free / GIB
    return Finding('environment', 'work directory', 'ok', f'{directory}: {free:.1f} GiB free')
