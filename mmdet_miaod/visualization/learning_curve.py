"""mAP against labeled images or boxes; runs that differ in their seed only are one curve with its spread."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .figures import GRID, Plot, styled
from .reference_curves import ReferenceCurve
from .run_reader import RunRecord


class CurveAxis(NamedTuple):
    """What a learning curve is drawn against: a key of the entries, and its name for people."""

    key: str
    title: str


# By the unit of the budget, since that is what labeling costs.
CURVE_AXES = {'image': CurveAxis('labeled', 'labeled images'), 'box': CurveAxis('boxes', 'labeled boxes')}


@dataclass(frozen=True)
class CurvePoint:
    """What runs that differ in their seed only reach after one cycle.

    Attributes:
        labeled: mean number of labeled images or boxes.
        mean: mAP in percent.
        std: its sample standard deviation in percent, None for a single run.
        runs: how many runs have this point.
    """

    labeled: float
    mean: float
    std: float | None
    runs: int


@dataclass(frozen=True)
class Curve:
    """Runs that differ in their seed only.

    Attributes:
        name: how it is called in the legend.
        points: ascending by ``labeled``.
    """

    name: str
    points: list[CurvePoint]


def common_axis(runs: Sequence[RunRecord]) -> CurveAxis:
    """Return what all of the runs can be drawn against: boxes only where every budget counts them."""
    by_boxes = all(run.identity.get('budget.unit') == 'box' for run in runs)
    counted = all('boxes' in entry for run in runs for entry in run.metrics)
    return CURVE_AXES['box' if by_boxes and counted else 'image']


def group_runs(runs: Sequence[RunRecord], axis: CurveAxis) -> list[Curve]:
    """Put runs together whose configs differ in nothing but the seed."""
    groups: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        identity = {key: value for key, value in run.identity.items() if key != 'seed'}
        name = json.dumps(identity, sort_keys=True) if identity else f'unknown: {run.directory}'
        groups[name].append(run)
    curves = []
    for members in groups.values():
        # The same cycle means the same number of images, but, under a budget of boxes, not of boxes.
        together: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for run in members:
            for entry in run.metrics:
                if entry.get('mAP') is not None:
                    place = entry['cycle' if axis.key == 'boxes' else axis.key]
                    together[place].append((entry[axis.key], entry['mAP']))
        name = members[0].name if len(members) == 1 else f'{_config_name(members)}, {len(members)} runs'
        points = (_point(measured) for measured in together.values())
        curves.append(Curve(name, sorted(points, key=lambda point: point.labeled)))
    return _distinct(curves)


def _point(measured: Sequence[tuple[int, float]]) -> CurvePoint:
    labeled, values = np.array(measured, dtype=float).T
    values = 100 * values
    std = float(values.std(ddof=1)) if len(values) > 1 else None
    return CurvePoint(float(labeled.mean()), float(values.mean()), std, len(values))


def _config_name(members: Sequence[RunRecord]) -> str:
    stems = {re.sub(r'[-_.]?seed[-_]?\d+$', '', run.name) for run in members}
    if len(stems) == 1 and all(stems):
        return stems.pop()
    names = ', '.join(run.name for run in members)
    if len(names) <= 40:
        return names
    path = members[0].config_path
    return path.stem if path else members[0].name


def _distinct(curves: list[Curve]) -> list[Curve]:
    names = [curve.name for curve in curves]
    return [
        Curve(f'{c.name} ({i + 1})' if names.count(c.name) > 1 else c.name, c.points)
        for i, c in enumerate(curves)
    ]


def learning_curve(
    runs: Sequence[RunRecord], axis: CurveAxis, references: Sequence[ReferenceCurve] = ()
) -> Plot | None:
    """The learning curves of all runs, with published ones, which count images, behind them."""
    curves = [curve for curve in group_runs(runs, axis) if curve.points]
    if not curves:
        return None
    rows: list[tuple] = [
        (curve.name, round(p.labeled), p.mean, p.std, p.runs, '') for curve in curves for p in curve.points
    ]
    for ref in references:
        stds = ref.std or [None] * len(ref.values)
        rows += [
            (f'published: {ref.method}', n, v, s, None, ref.source)
            for n, v, s in zip(ref.labeled, ref.values, stds, strict=True)
        ]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for number, ref in enumerate(references):
            style = dict(
                linestyle=(0, (1, 1 + number)), linewidth=1.2, color='#5a5a5a', marker='x+12'[number % 4]
            )
            label = f'published: {ref.method}{" (~)" if ref.digitized else ""}'
            axes.plot(ref.labeled, ref.values, label=label, markersize=6, **style)
        for number, curve in enumerate(curves):
            _draw_curve(axes, curve, number)
        axes.set(xlabel=axis.title, ylabel='mAP (%)')
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.grid(color=GRID)
        figure.legend(loc='outside lower center', ncols=1 if len(curves) + len(references) < 4 else 2)

    lines = -(-(len(curves) + len(references)) // 2)
    return Plot(
        'learning_curve',
        'Learning curve',
        f'Mean average precision on the test set against the number of {axis.title}; error bars are the '
        'standard deviation over runs that differ in their seed only.',
        ('curve', axis.key, 'mAP_percent', 'std_percent', 'runs', 'source'),
        rows,
        draw,
        (4.6, 3.2 + 0.22 * lines),
    )


def _draw_curve(axes: Axes, curve: Curve, number: int) -> None:
    labeled = [point.labeled for point in curve.points]
    means = [point.mean for point in curve.points]
    spreads = [point.std or 0 for point in curve.points]
    label = f'{curve.name} (mean ± std)' if any(spreads) else curve.name
    style = styled(number)
    if any(spreads):
        axes.errorbar(labeled, means, spreads, label=label, capsize=3, **style)
    else:
        axes.plot(labeled, means, label=label, **style)
