"""Speed and memory beside MMDetection's stock RetinaNet, measured in turn in one process."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from mmcv import Config
from torch.utils.flop_counter import FlopCounterMode

from mmdet_miaod.config.files import load_config
from mmdet_miaod.datasets.seeding import Draw
from mmdet_miaod.engine.acceleration import Acceleration, backends_restored
from mmdet_miaod.stopwatch import Timing, stopwatch
from tools.benchmarks.data import BenchmarkSettings, draw_batches, drawn_datasets
from tools.benchmarks.memory import measure_memory
from tools.benchmarks.tasks import all_tasks

# What each task is measured by, the ratio that is aimed at, and what the published implementation takes.
TARGETS: dict[str, tuple[str, float, str]] = {
    'label step': ('stock step', 1.60, '1.55 to 1.76'),
    'minimize pair': ('stock step', 2.00, '2.05 to 2.28'),
    'maximize pair': ('stock step', 1.40, '1.49 to 1.56'),
    'scoring': ('stock inference', 1.10, '1.58 to 1.62'),
    'evaluation': ('stock inference', 1.05, '1.51 to 1.65'),
}
MEMORY_TARGET = 1.5
# A model that is built in a second, for tests.
QUICK_MODEL: dict[str, Any] = {
    'model.backbone.depth': 18,
    'model.backbone.base_channels': 8,
    'model.neck.in_channels': [8, 16, 32, 64],
    'model.neck.out_channels': 8,
    'model.bbox_head.in_channels': 8,
    'model.bbox_head.feat_channels': 8,
    'model.bbox_head.stacked_convs': 1,
}


def benchmark_config(path: str | Path, options: Mapping[str, Any], image_size: tuple[int, int]) -> Config:
    """Read a config for the benchmark: random weights, images of one size that are not resized.

    Args:
        path: a config file such as ``configs/MIAOD.py``.
        options: overrides by dotted key.
        image_size: width and height in pixels.
    """
    return load_config(path, {'model.backbone.init_cfg': None, **options, 'img_scale': image_size})


def measure(
    tasks: Mapping[str, Any],
    rounds: int,
    device: torch.device,
    on_round: Callable[[int], None] = lambda n: None,
) -> dict[str, list[Timing]]:
    """Time all tasks in turn, round after round, so that a busy machine slows all of them alike.

    Args:
        tasks: with ``prepare``, ``__call__`` and ``finish``; each is executed once more, untimed, before its
            first measurement.
        rounds: measurements of each task.
        device: that is waited for before the clock is read.
        on_round: called after each round with its number.
    """
    timings: dict[str, list[Timing]] = {name: [] for name in tasks}
    for number in range(rounds):
        for name, task in tasks.items():
            task.prepare()
            if number == 0:
                task()
            with stopwatch(device) as timing:
                task()
            timings[name].append(timing)
            task.finish()
        on_round(number + 1)
    return timings


def summarize(timings: Mapping[str, list[Timing]], flops: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Return medians of each task, and of its ratios to the stock task of the same round.

    Args:
        timings: from :func:`measure`.
        flops: from :func:`count_flops`.

    Returns:
        By task: ``wall`` and ``cpu`` (median seconds), ``flops``, ``rounds`` (all timings) and, for the tasks
        of ``TARGETS``, ``beside``, ``ratio`` (wall), ``cpu_ratio``, ``flops_ratio``, ``target``,
        ``published`` and ``reached``.
    """
    summary: dict[str, dict[str, Any]] = {}
    for name, measured in timings.items():
        entry: dict[str, Any] = {
            clock: statistics.median(getattr(timing, clock) for timing in measured)
            for clock in ('wall', 'cpu')
        }
        entry.update(flops=flops[name], rounds=[asdict(timing) for timing in measured])
        if name in TARGETS:
            stock, target, published = TARGETS[name]
            for key, clock in (('ratio', 'wall'), ('cpu_ratio', 'cpu')):
                pairs = zip(measured, timings[stock], strict=True)
                entry[key] = statistics.median(
                    getattr(mine, clock) / max(getattr(other, clock), 1e-9) for mine, other in pairs
                )
            entry['flops_ratio'] = flops[name] / max(flops[stock], 1)
            entry.update(beside=stock, target=target, published=published, reached=entry['ratio'] <= target)
        summary[name] = entry
    return summary


def measure_loading(settings: BenchmarkSettings, rounds: int) -> dict[str, float]:
    """Return the median seconds that loading one image takes, by tag, in this process."""
    datasets = drawn_datasets(settings)
    seconds: dict[str, list[float]] = {tag: [] for tag in datasets}
    for number in range(rounds + 1):
        for tag, dataset in datasets.items():
            with stopwatch() as timing:
                dataset[0 if tag == 'test' else Draw(0, number)]
            seconds[tag].append(timing.wall)
    return {tag: statistics.median(values[1:]) for tag, values in seconds.items()}


def count_flops(tasks: Mapping[str, Any]) -> dict[str, int]:
    """Count the operations that one execution of each task takes in convolutions and matrix products."""
    flops = {}
    for name, task in tasks.items():
        task.prepare()
        with FlopCounterMode(display=False) as counter:
            task()
        task.finish()
        flops[name] = counter.get_total_flops()
    return flops


def profile_tasks(tasks: Mapping[str, Any], directory: Path) -> list[Path]:
    """Write a torch.profiler trace of one execution of each task, for Chrome's tracing page or Perfetto.

    Returns:
        The files, one per task.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, task in tasks.items():
        task.prepare()
        task()
        with torch.profiler.profile() as profiler:
            task()
        task.finish()
        paths.append(directory / f'{name.replace(" ", "_")}.json')
        profiler.export_chrome_trace(str(paths[-1]))
        table = profiler.key_averages().table(sort_by='self_cpu_time_total', row_limit=30)
        paths[-1].with_suffix('.txt').write_text(table)
    return paths


def machine() -> dict[str, Any]:
    """Return what the numbers depend on: cores, threads, versions, GPU."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return dict(
        architecture=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        threads=torch.get_num_threads(),
        load=os.getloadavg()[0],
        python=platform.python_version(),
        torch=torch.__version__,
        gpu=gpu,
    )


@backends_restored()
def run_benchmark(
    settings: BenchmarkSettings,
    rounds: int = 5,
    memory: bool = True,
    profile: Path | None = None,
    on_round: Callable[[int], None] = lambda n: None,
) -> dict[str, Any]:
    """Measure everything of the model.

    Args:
        settings: what is measured.
        rounds: measurements of each task.
        memory: also measure memory, in two more processes.
        profile: folder for traces.
        on_round: called after each round.

    Returns:
        Plain values: ``machine``, ``settings``, ``tasks`` (:func:`summarize`), ``loading``, ``memory``.
    """
    acceleration = Acceleration.from_config(settings.config)
    acceleration.apply_to_backends()
    batches = draw_batches(settings)
    tasks = all_tasks(settings, batches)
    report: dict[str, Any] = dict(machine=machine())
    report['settings'] = dict(
        image_size=list(settings.image_size),
        batch_size=settings.batch_size,
        device=str(settings.device),
        amp=settings.amp_dtype,
        acceleration=asdict(acceleration),
        rounds=rounds,
    )
    report['tasks'] = summarize(measure(tasks, rounds, settings.device, on_round), count_flops(tasks))
    report['loading'] = measure_loading(settings, rounds)
    if profile is not None:
        report['traces'] = [str(path) for path in profile_tasks(tasks, profile)]
    if memory:
        report['memory'] = measure_memory(settings)
    return report
