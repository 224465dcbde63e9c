"""Tables of the benchmark's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from tools.benchmarks.model import MEMORY_TARGET
from tools.benchmarks.pool import MEMORY_TARGET as POOL_MEMORY_TARGET
from tools.benchmarks.pool import TIME_TARGET


def model_table(report: dict[str, Any]) -> str:
    """Return the table of :func:`~tools.benchmarks.model.run_benchmark`, the targets beside it."""
    rows = []
    for name, task in report['tasks'].items():
        row = [name, f'{task["wall"]:.3f}', f'{task["cpu"]:.3f}']
        if 'target' in task:
            verdict = 'yes' if task['reached'] else 'no'
            row += [f'{task[key]:.2f}' for key in ('ratio', 'cpu_ratio', 'flops_ratio', 'target')]
            row += [verdict]
            row += [f'{task["published"]} of a {task["beside"]}']
        rows.append(row)
    heading = [
        'task',
        'seconds',
        'CPU seconds',
        'ratio',
        'CPU ratio',
        'FLOP ratio',
        'target',
        'reached',
        'published',
    ]
    lines = [_machine_line(report), table(heading, rows)]
    loading = ', '.join(f'{tag} {1000 * value:.1f} ms' for tag, value in report['loading'].items())
    lines.append(f'loading one image: {loading}')
    if 'memory' in report:
        memory = report['memory']
        lines.append(
            f'peak memory of a label step {memory["label step"] / 2**20:.0f} MiB, of a stock step '
            f'{memory["stock step"] / 2**20:.0f} MiB: {memory["ratio"]:.2f} (target {MEMORY_TARGET:.2f})'
        )
    return '\n'.join(lines)


def _machine_line(report: dict[str, Any]) -> str:
    machine, settings = report['machine'], report['settings']
    width, height = settings['image_size']
    processor = machine['gpu'] if settings['device'].startswith('cuda') else machine['architecture']
    options = ''.join(f', {name}' for name, on in settings['acceleration'].items() if on)
    return (
        f'{processor}, {machine["cores"]} cores, {machine["threads"]} threads, load {machine["load"]:.1f}; '
        f'torch {machine["torch"]}; {width} x {height}, batch {settings["batch_size"]}, '
        f'{settings["device"]}, {settings["amp"] or "float32"}{options}, '
        f'medians of {settings["rounds"]} rounds'
    )


def pool_table(report: dict[str, Any]) -> str:
    """Return the table of the pool benchmark: seconds of each part."""
    rows = []
    for pool in report['pools']:
        images = f'{pool["images"]:,}'
        for part, clocks in pool['seconds'].items():
            rows.append([images, part, f'{clocks["wall"]:.2f}', f'{clocks["cpu"]:.2f}'])
        rows.append(
            [images, f'all (target {TIME_TARGET:.0f})', *(f'{x:.2f}' for x in pool['total'].values())]
        )
        peak, limit = pool['peak_bytes'] / 1e6, POOL_MEMORY_TARGET / 1e6
        rows.append([images, f'peak memory (target {limit:.0f} MB)', f'{peak:.0f} MB'])
    return table(['images', 'part', 'seconds', 'CPU seconds'], rows)


def index_table(report: dict[str, Any]) -> str:
    """Return the table of the index benchmark."""
    rows = []
    for index in report['indices']:
        images = index['images']
        for part in ('index', 'headers'):
            micros = [f'{1e6 * index[part][clock] / images:.2f}' for clock in ('wall', 'cpu')]
            rows.append([f'{images:,}', part, f'{index[part]["wall"]:.2f}', *micros])
        rows.append([f'{images:,}', 'both', *3 * [''], f'{index["bytes"] / images:.0f}'])
    heads = ['images', 'part', 'seconds', 'microseconds per image', 'of CPU', 'bytes per image']
    return table(heads, rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; short rows are filled up with empty cells."""
    options = dict(tablefmt='github', disable_numparse=True, stralign='right', colalign=('left',))
    return tabulate(rows, heads, **options)
