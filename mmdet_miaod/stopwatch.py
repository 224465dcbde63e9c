"""Seconds that something takes, on the wall and on the cores, a GPU's work included."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass
class Timing:
    """Seconds by the clock on the wall, and of this process's threads on the cores."""

    wall: float
    cpu: float


@contextmanager
def stopwatch(device: torch.device | None = None) -> Iterator[Timing]:
    """Measure what is done within the context.

    torch.utils.benchmark.Timer repeats what it measures and leaves the cores' seconds out.

    Args:
        device: a GPU is waited for before both readings of the clock.

    Yields:
        The timing, which is complete after the context.
    """
    _wait_for(device)
    timing = Timing(-time.perf_counter(), -time.process_time())
    yield timing
    _wait_for(device)
    timing.wall += time.perf_counter()
    timing.cpu += time.process_time()


def _wait_for(device: torch.device | None) -> None:
    if device is not None and device.type == 'cuda':
        torch.cuda.synchronize(device)
