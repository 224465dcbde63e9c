"""mAP against labeled images or boxes; runs that differ in their seed only are one curve with its spread."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, Locator, MaxNLocator

from .figures import GRID, Plot, styled
from .reference_curves import ReferenceCurve
from .run_reader import RunRecord

# Curves of a panel stand side by side, this far apart, as a share of the distance between two cycles.
_STEP = 0.05


class CurveAxis(NamedTuple):
    """Axis of a learning curve: a key of the entries, and its name for people."""

    key: str
    title: str


# By the unit of the budget, since that is what labeling costs.
CURVE_AXES = {'image': CurveAxis('labeled', 'labeled images'), 'box': CurveAxis('boxes', 'labeled boxes')}


@dataclass(frozen=True)
class Curve:
    """Learning curve of one run; all tuples are ``(n,)``, ascending.

    Attributes:
        run: name of the run.
        cycles: numbers of the evaluated cycles.
        labeled: labeled images or boxes of each.
        values: mAP of each, 0 to 1.
    """

    run: str
    cycles: tuple[int, ...]
    labeled: tuple[int, ...]
    values: tuple[float, ...]

    @classmethod
    def of_metrics(cls, run: str, metrics: Sequence[Mapping[str, Any]], axis: CurveAxis) -> 'Curve':
        """Make the curve of a run from the entries of its ``metrics.json``."""
        rows = sorted(
            (entry['cycle'], entry[axis.key], entry['mAP'])
            for entry in metrics
            if entry.get('mAP') is not None
        )
        return (
            cls(run, *(tuple(column) for column in zip(*rows, strict=True))) if rows else cls(run, (), (), ())
        )


@dataclass(frozen=True)
class CurvePoint:
    """Mean of runs that differ in their seed only, after one cycle.

    Attributes:
        cycle: number of the cycle.
        labeled: mean number of labeled images or boxes.
        mean: mean mAP, 0 to 1.
        std: its sample standard deviation, None for a single run.
        runs: how many runs have this point.
    """

    cycle: int
    labeled: float
    mean: float
    std: float | None
    runs: int


def mean_points(curves: Sequence[Curve]) -> list[CurvePoint]:
    """Average curves cycle by cycle, over the runs that have the cycle."""
    measured: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for curve in curves:
        for cycle, labeled, value in zip(curve.cycles, curve.labeled, curve.values, strict=True):
            measured[cycle].append((labeled, value))
    points = []
    for cycle, found in sorted(measured.items()):
        labeled, values = np.array(found, dtype=float).T
        std = float(values.std(ddof=1)) if len(values) > 1 else None
        points.append(CurvePoint(cycle, float(labeled.mean()), float(values.mean()), std, len(values)))
    return points


def common_axis(runs: Sequence[RunRecord]) -> CurveAxis:
    """Return what all of the runs can be drawn against: boxes only where every budget counts them."""
    by_boxes = all(run.identity.get('budget.unit') == 'box' for run in runs)
    counted = all('boxes' in entry for run in runs for entry in run.metrics)
    return CURVE_AXES['box' if by_boxes and counted else 'image']


def group_runs(runs: Sequence[RunRecord], axis: CurveAxis) -> dict[str, list[Curve]]:
    """Put the curves of runs together whose configs differ in nothing but the seed, by a name they share."""
    groups: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        identity = {key: value for key, value in run.identity.items() if key != 'seed'}
        name = json.dumps(identity, sort_keys=True) if identity else f'unknown: {run.directory}'
        groups[name].append(run)
    names = [_group_name(members) for members in groups.values()]
    return {
        f'{name} ({number})' if names.count(name) > 1 else name: [
            Curve.of_metrics(run.name, run.metrics, axis) for run in members
        ]
        for number, (name, members) in enumerate(zip(names, groups.values(), strict=True), 1)
    }


def _group_name(members: Sequence[RunRecord]) -> str:
    if len(members) == 1:
        return members[0].name
    return f'{_config_name(members)}, {len(members)} runs'


def _config_name(members: Sequence[RunRecord]) -> str:
    stems = {re.sub(r'[-_.]?seed[-_]?\d+$', '', run.name) for run in members}
    if len(stems) == 1 and all(stems):
        return stems.pop()
    names = ', '.join(run.name for run in members)
    if len(names) <= 40:
        return names
    return Path(members[0].config_file).stem or members[0].name


def learning_curves(
    panels: Mapping[str, Mapping[str, Sequence[Curve]]],
    axis: CurveAxis,
    references: Sequence[ReferenceCurve] = (),
) -> Plot | None:
    """Plot learning curves: a line is the mean of runs that differ in their seed only, a dot is one run.

    Args:
        panels: by title of the panel and name of the curve, its runs. A name looks the same in all panels.
        axis: what the curves are drawn against.
        references: published curves, which count images, drawn behind.

    Returns:
        The plot ``learning_curve``, each row an evaluation of a run; None where there is none.
    """
    panels = {
        title: {name: drawn for name, curves in named.items() if (drawn := [c for c in curves if c.cycles])}
        for title, named in panels.items()
    }
    names = list(dict.fromkeys(name for named in panels.values() for name in named))
    if not names:
        return None
    count = len(names) + len(references)
    columns = 4 if len(panels) > 1 else 1 if count < 4 else 2
    width = 4.6 if len(panels) == 1 else 1 + 3.6 * len(panels)
    return Plot(
        'learning_curve',
        'Learning curve',
        f'Mean average precision on the test set against the number of {axis.title}; a line is the mean over '
        'runs that differ in their seed only, a dot a single run.',
        ('curve', 'run', 'cycle', axis.key, 'mAP', 'std', 'source'),
        _rows(panels, references),
        lambda figure: _draw_panels(figure, panels, axis, references, legend_columns=columns),
        (width, 3.1 + 0.22 * -(-count // columns)),
    )


def _draw_panels(
    figure: Figure,
    panels: Mapping[str, Mapping[str, Sequence[Curve]]],
    axis: CurveAxis,
    references: Sequence[ReferenceCurve],
    *,
    legend_columns: int,
) -> None:
    names = list(dict.fromkeys(name for named in panels.values() for name in named))
    ticks = _ticks([c for named in panels.values() for curves in named.values() for c in curves], references)
    axes_list = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, named) in zip(axes_list, panels.items(), strict=True):
        _draw_references(axes, references)
        for name, curves in named.items():
            _draw_mean_and_runs(axes, curves, name, place=(names.index(name), len(names)))
        axes.set(title=title, xlabel=axis.title)
        axes.xaxis.set_major_locator(copy(ticks))
        axes.grid(color=GRID)
    # For all panels; models that find nothing have an axis too.
    axes_list[0].set_ylim(0, 1.06 * max(1, *(axes.dataLim.y1 for axes in axes_list)))
    axes_list[0].set_ylabel('mAP (%)')
    legends = [axes.get_legend_handles_labels() for axes in axes_list]
    entries = {label: handle for legend in legends for handle, label in zip(*legend, strict=True)}
    figure.legend(entries.values(), entries.keys(), loc='outside lower center', ncols=legend_columns)


def _rows(
    panels: Mapping[str, Mapping[str, Sequence[Curve]]], references: Sequence[ReferenceCurve]
) -> list[tuple]:
    rows: list[tuple] = [
        (name, curve.run, *point, None, '')
        for named in panels.values()
        for name, curves in named.items()
        for curve in curves
        for point in zip(curve.cycles, curve.labeled, curve.values, strict=True)
    ]
    for reference in references:
        name = f'published: {reference.method}'
        stds = reference.std or [None] * len(reference.values)
        rows += [
            (name, '', None, labeled, round(value / 100, 6), std and round(std / 100, 6), reference.source)
            for labeled, value, std in zip(reference.labeled, reference.values, stds, strict=True)
        ]
    return rows


def _ticks(curves: Sequence[Curve], references: Sequence[ReferenceCurve]) -> Locator:
    """Ticks at the evaluated numbers where all runs have the same ones, else at round numbers."""
    counts = {curve.labeled for curve in curves}
    # Under a budget of boxes the runs label different numbers of them.
    if len(counts) == 1 and not references:
        return FixedLocator(*counts, nbins=7)
    return MaxNLocator(5, integer=True)


def _draw_references(axes: Axes, references: Sequence[ReferenceCurve]) -> None:
    for number, reference in enumerate(references):
        style = dict(linestyle=(0, (1, 1 + number)), marker='x+12'[number % 4], markersize=6, linewidth=1.2)
        label = f'published: {reference.method}{" (~)" if reference.digitized else ""}'
        axes.plot(reference.labeled, reference.values, label=label, color='#5a5a5a', **style)


def _draw_mean_and_runs(axes: Axes, curves: Sequence[Curve], name: str, place: tuple[int, int]) -> None:
    """Draw a curve; its place is its number among how many."""
    number, count = place
    points = mean_points(curves)
    means = np.array([point.labeled for point in points])
    distance = np.diff(means).min() if len(means) > 1 else 0
    shift = _STEP * (number - (count - 1) / 2) * distance if len(curves) > 1 else 0
    style = styled(number)
    axes.plot(means + shift, [100 * point.mean for point in points], label=name, **style)
    if len(curves) > 1:
        labeled = np.concatenate([curve.labeled for curve in curves])
        values = 100 * np.concatenate([curve.values for curve in curves])
        dots = dict(color=style['color'], marker=style['marker'], s=14, alpha=0.45, linewidths=0)
        axes.scatter(labeled + shift, values, **dots)
