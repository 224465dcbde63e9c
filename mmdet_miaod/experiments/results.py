"""The results of a grid as tables."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..run.files import write_text
from ..run.metrics import METRICS_NAME
from ..visualization.learning_curve import CurveAxis
from .grid import Grid
from .statistics import area_under_curve, mean_and_deviation, paired_difference


@dataclass(frozen=True)
class Curve:
    """Learning curve of one run: cycles, labeled images (or boxes) and mAP at each, ascending."""

    cycles: tuple[int, ...]
    labeled: tuple[int, ...]
    values: tuple[float, ...]


def read_curve(directory: Path, axis: CurveAxis) -> Curve | None:
    """Read a run's ``metrics.json``; None where there is no evaluated cycle yet."""
    try:
        entries = json.loads((directory / METRICS_NAME).read_text(encoding='utf-8'))
    except FileNotFoundError:
        return None
    rows = sorted((entry['cycle'], entry[axis.key], entry['mAP']) for entry in entries)
    return Curve(*zip(*rows, strict=True)) if rows else None


def read_curves(grid: Grid) -> dict[str, dict[int, Curve]]:
    """Learning curves by setting and seed; only complete ones, so that means compare like with like.

    Raises:
        ValueError: no run has a result.
    """
    found = {setting: {} for setting in grid.settings}
    axis = grid.axis
    for run in grid.runs:
        curve = read_curve(grid.work_directory / run.name, axis)
        if curve is not None:
            found[run.setting][run.seed] = curve
    longest = max((len(curve.cycles) for seeds in found.values() for curve in seeds.values()), default=0)
    complete = {
        setting: {seed: curve for seed, curve in seeds.items() if len(curve.cycles) == longest}
        for setting, seeds in found.items()
    }
    if not any(complete.values()):
        raise ValueError(f'{grid.work_directory}: no run has a result yet')
    return complete


def write_tables(grid: Grid, curves: dict[str, dict[int, Curve]]) -> Path:
    """Write the tables of a grid, ``results.md``, into its folder.

    Args:
        grid: the grid.
        curves: by setting and seed, at least one.

    Returns:
        Path of the file.
    """
    path = grid.work_directory / 'results.md'
    parts = [curve_table(curves, grid.axis), difference_table(curves, grid.baseline)]
    missing = [run.name for run in grid.runs if run.seed not in curves[run.setting]]
    if missing:
        parts.append(
            f'Not counted, because they have fewer cycles than others (yet): {", ".join(missing)}.\n'
        )
    write_text(path, '\n'.join(parts))
    return path


def _areas(curves: dict[str, dict[int, Curve]]) -> dict[str, dict[int, float]]:
    """Area of each curve, by setting and seed, over the numbers of labels that all curves have in common."""
    everything = [curve for seeds in curves.values() for curve in seeds.values()]
    low, high = max(curve.labeled[0] for curve in everything), min(curve.labeled[-1] for curve in everything)
    span = (low, high) if low < high else None
    return {
        setting: {seed: area_under_curve(curve.labeled, curve.values, span) for seed, curve in seeds.items()}
        for setting, seeds in curves.items()
    }


def _spread(values: list[float]) -> str:
    mean, deviation = mean_and_deviation(values)
    return f'{mean:.3f}' if math.isnan(deviation) else f'{mean:.3f} ± {deviation:.3f}'


def curve_table(curves: dict[str, dict[int, Curve]], axis: CurveAxis) -> str:
    """Markdown table: mean and standard deviation over seeds of the mAP of each cycle and of the area."""
    seeds_of_first = next(seeds for seeds in curves.values() if seeds)
    columns = range(len(next(iter(seeds_of_first.values())).cycles))
    everything = [curve for seeds in curves.values() for curve in seeds.values()]
    counts = [sorted({curve.labeled[column] for curve in everything}) for column in columns]
    # Under a budget of boxes the last image of a cycle may bring more than are wanted.
    heads = [f'{c[0]}' if len(c) == 1 else f'{c[0]} to {c[-1]}' for c in counts]
    lines = [
        f'mAP by number of {axis.title}: mean ± standard deviation over seeds. '
        'Area: under the learning curve, over the numbers that all curves cover, divided by their width.\n',
        f'| setting | seeds | {" | ".join(heads)} | area |',
        '|---' * (len(heads) + 3) + '|',
    ]
    areas = _areas(curves)
    for setting, seeds in curves.items():
        if seeds:
            cells = [_spread([curve.values[column] for curve in seeds.values()]) for column in columns]
            cells.append(_spread(list(areas[setting].values())))
            lines.append(f'| {setting} | {len(seeds)} | {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def difference_table(curves: dict[str, dict[int, Curve]], baseline: str) -> str:
    """Markdown table: paired differences of area and last mAP to the baseline, 95% bootstrap intervals."""
    lines = [
        f'Difference to {baseline}, seed by seed: mean [95% bootstrap interval over seeds].\n',
        '| setting | seeds | area | mAP of the last cycle |',
        '|---|---|---|---|',
    ]
    base, areas = curves[baseline], _areas(curves)
    for setting, seeds in curves.items():
        if setting == baseline or not seeds:
            continue
        area = paired_difference(areas[setting], areas[baseline])
        last = paired_difference(
            *({seed: curve.values[-1] for seed, curve in side.items()} for side in (seeds, base))
        )
        cells = []
        for difference in (area, last):
            interval = '' if np.isnan(difference.low) else f' [{difference.low:+.3f}, {difference.high:+.3f}]'
            cells.append('-' if np.isnan(difference.mean) else f'{difference.mean:+.3f}{interval}')
        lines.append(f'| {setting} | {area.seeds} | {cells[0]} | {cells[1]} |')
    return '\n'.join(lines) + '\n'
