"""Child processes forked from one warmed-up process, so that none of them imports PyTorch anew."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.tiny_run import REPOSITORY

PRELOADED = ['pytest', 'torch', 'mmcv.ops', 'mmdet.apis', 'mmdet_miaod.apis', 'tests.reliability.tiny_job']


def warm_context() -> multiprocessing.context.ForkServerContext:
    """The forkserver: it imported everything and never trained (autograd does not survive a fork)."""
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    # Fork server processes find the tests by this alone.
    paths = [str(REPOSITORY), *os.environ.get('PYTHONPATH', '').split(os.pathsep)]
    os.environ['PYTHONPATH'] = os.pathsep.join(dict.fromkeys(path for path in paths if path))
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(PRELOADED)
    return context


def _run(log: str, action: Callable[..., int | None], arguments: tuple[Any, ...]) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    # Loader processes are forked, as in a run from the command line.
    multiprocessing.set_start_method('fork', force=True)
    sys.exit(action(*arguments) or 0)


def start(log: Path, action: Callable[..., int | None], *arguments: Any) -> BaseProcess:
    """Start ``action(*arguments)`` in a child; its result is the exit code, its output goes to ``log``."""
    process = warm_context().Process(target=_run, args=(str(log), action, arguments))
    process.start()
    return process


def run(log: Path, action: Callable[..., int | None], *arguments: Any, timeout: float = 300) -> int:
    """Run ``action(*arguments)`` in a child; returns its exit code, minus the signal that ended it."""
    process = start(log, action, *arguments)
    process.join(timeout)
    if process.is_alive():
        process.kill()
        process.join()
        raise TimeoutError(f'{action.__name__}{arguments} took more than {timeout} s:\n{log.read_text()}')
    return process.exitcode


def run_ranks(
    world_size: int,
    folder: Path,
    action: Any,
    *arguments: Any,
    timeout: float = 120,
    disturb: Callable[[list[BaseProcess]], None] = lambda ranks: None,
) -> list[int]:
    """Run an action in each of N processes, and do something to them; returns their exit codes."""
    (folder / f'meeting_{world_size}').unlink(missing_ok=True)
    ranks = [
        start(folder / f'output_{rank}', action, rank, world_size, str(folder), *arguments)
        for rank in range(world_size)
    ]
    disturb(ranks)
    end = time.monotonic() + timeout
    for process in ranks:
        process.join(max(end - time.monotonic(), 0))
    late = [rank for rank, process in enumerate(ranks) if process.is_alive()]
    for process in ranks:
        process.kill()
        process.join()
    assert not late, f'processes {late} did not end within {timeout} s'
    return [process.exitcode for process in ranks]


def outputs(folder: Path) -> str:
    """What the processes of :func:`run_ranks` said."""
    return '\n'.join(path.read_text() for path in sorted(folder.glob('output_*')))


def wait_for(log: Path, text: str, count: int = 1, seconds: float = 60) -> None:
    """Wait until a log has some text a number of times."""
    end = time.monotonic() + seconds
    while not log.exists() or log.read_text().count(text) < count:
        if time.monotonic() > end:
            raise TimeoutError(f'{log} never said {text!r}')
        time.sleep(0.01)
