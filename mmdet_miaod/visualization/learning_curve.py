"""mAP against labeled images: runs of one config with several seeds become one curve with its spread."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .figures import GRID, Plot, styled
from .reference_curves import ReferenceCurve
from .run_reader import RunRecord


@dataclass(frozen=True)
class Curve:
    """Runs that differ in their seed only.

    Attributes:
        name: how it is called in the legend.
        points: labeled images -> mAP (0 to 1) of each run that has this point.
    """

    name: str
    points: dict[int, list[float]]

    @property
    def labeled(self) -> list[int]:
        return sorted(self.points)

    def mean_and_std(self, labeled: int) -> tuple[float, float | None]:
        """Mean and sample standard deviation (None for a single run), in percent."""
        values = 100 * np.array(self.points[labeled])
        return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None


def group_runs(runs: Sequence[RunRecord]) -> list[Curve]:
    """Put runs together whose configs differ in nothing but the seed."""
    groups: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        identity = re.sub(r'(?m)^seed = .*$', '', run.identity)
        groups[identity or f'unknown: {run.directory}'].append(run)
    curves = []
    for members in groups.values():
        points: dict[int, list[float]] = defaultdict(list)
        for run in members:
            for entry in run.metrics:
                if entry.get('mAP') is not None:
                    points[entry['labeled']].append(entry['mAP'])
        name = members[0].name if len(members) == 1 else f'{_config_name(members)}, {len(members)} runs'
        curves.append(Curve(name, dict(points)))
    return _distinct(curves)


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


def learning_curve(runs: Sequence[RunRecord], references: Sequence[ReferenceCurve] = ()) -> Plot | None:
    """The learning curves of all runs, with published ones behind them."""
    curves = [curve for curve in group_runs(runs) if curve.points]
    if not curves:
        return None
    rows: list[tuple] = []
    for curve in curves:
        for labeled in curve.labeled:
            mean, std = curve.mean_and_std(labeled)
            rows.append((curve.name, labeled, mean, std, len(curve.points[labeled]), ''))
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
        axes.set(xlabel='labeled images', ylabel='mAP (%)')
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.grid(color=GRID)
        figure.legend(loc='outside lower center', ncols=1 if len(curves) + len(references) < 4 else 2)

    lines = -(-(len(curves) + len(references)) // 2)
    return Plot(
        'learning_curve',
        'Learning curve',
        'Mean average precision on the test set against the number of labeled images; error bars are the '
        'standard deviation over runs that differ in their seed only.',
        ('curve', 'labeled', 'mAP_percent', 'std_percent', 'runs', 'source'),
        rows,
        draw,
        (4.6, 3.2 + 0.22 * lines),
    )


def _draw_curve(axes: Axes, curve: Curve, number: int) -> None:
    statistics = [curve.mean_and_std(labeled) for labeled in curve.labeled]
    means = [mean for mean, _ in statistics]
    spreads = [std or 0 for _, std in statistics]
    label = f'{curve.name} (mean ± std)' if any(spreads) else curve.name
    style = styled(number)
    if any(spreads):
        axes.errorbar(curve.labeled, means, spreads, label=label, capsize=3, **style)
    else:
        axes.plot(curve.labeled, means, label=label, **style)
