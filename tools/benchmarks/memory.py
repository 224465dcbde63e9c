"""Peak memory of training steps, and of this process."""

from __future__ import annotations

import gc
import multiprocessing
import resource
from pathlib import Path

import torch

from mmdet_miaod.engine.acceleration import Acceleration
from tools.benchmarks.data import BenchmarkSettings, draw_batches
from tools.benchmarks.tasks import training_task


def measure_memory(settings: BenchmarkSettings) -> dict[str, float]:
    """Measure what a label step and a stock step take at their peak, each in a process of its own.

    On a CPU it is the process's largest resident size less that before the model was built; on a GPU the
    largest allocation.

    Returns:
        ``'label step'`` and ``'stock step'`` in bytes, and their ``'ratio'``.
    """
    # Spawned, not forked: a forked child would count this process's memory as its own.
    context = multiprocessing.get_context('spawn')
    peaks = {}
    for name in ('stock step', 'label step'):
        with context.Pool(1) as pool:
            peaks[name] = float(pool.apply(peak_of_task, (name, settings)))
    return {**peaks, 'ratio': peaks['label step'] / peaks['stock step']}


def peak_of_task(name: str, settings: BenchmarkSettings) -> int:
    """Run a training task twice and return its peak memory in bytes; to be called in a fresh process."""
    Acceleration.from_config(settings.config).apply_to_backends()
    batches = draw_batches(settings)
    gc.collect()
    before = resident_bytes('VmRSS')
    task = training_task(name, settings, batches)
    for _ in range(2):
        task.prepare()
        task()
    if settings.device.type == 'cuda':
        return torch.cuda.max_memory_allocated(settings.device)
    return resident_bytes('VmHWM') - before


def resident_bytes(key: str) -> int:
    """Read a line of Linux's account of this process; elsewhere its largest size so far."""
    try:
        lines = Path('/proc/self/status').read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))
    except (OSError, StopIteration):
        # Not taken on Linux, where a child inherits this number from its parent.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
