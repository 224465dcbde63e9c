"""The learning curves of a grid: a panel a schedule, a line a strategy, a dot a run."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from ..visualization.figures import Plot, styled
from .grid import Grid, GridRun
from .results import Curve

_STEP = 0.05  # strategies stand side by side, so far apart, as a share of the distance between two cycles


def grid_plot(grid: Grid, curves: Mapping[str, Mapping[int, Curve]]) -> Plot:
    """Draw mAP against labeled images, or boxes under a budget of boxes.

    Args:
        grid: the grid.
        curves: by setting and seed, all of the same number of cycles.

    Returns:
        The plot ``results``; a row of its numbers is one run's evaluation.
    """
    rows = [
        (setting, seed, *point)
        for setting, seeds in curves.items()
        for seed, curve in seeds.items()
        for point in zip(curve.cycles, curve.labeled, curve.values, strict=True)
    ]
    axis = grid.axis
    # Under a budget of boxes the runs label different numbers of them.
    counts = {curve.labeled for seeds in curves.values() for curve in seeds.values()}
    ticks = FixedLocator(*counts, nbins=7) if len(counts) == 1 else MaxNLocator(5, integer=True)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(grid.schedules), sharey=True, squeeze=False)[0]
        for axes, schedule in zip(panels, grid.schedules, strict=True):
            for number, strategy in enumerate(grid.strategies):
                seeds = curves.get(GridRun(strategy, schedule, 0).setting)
                if seeds:
                    shift = _STEP * (number - (len(grid.strategies) - 1) / 2)
                    _draw_setting(axes, list(seeds.values()), strategy, number, shift)
            axes.set(title=f'schedule: {schedule}', xlabel=axis.title)
            axes.xaxis.set_major_locator(copy(ticks))
        panels[0].set_ylabel('mAP (%)')
        legends = (axes.get_legend_handles_labels() for axes in panels)
        entries = {label: handle for legend in legends for handle, label in zip(*legend, strict=True)}
        figure.legend(entries.values(), entries.keys(), loc='outside lower center', ncols=4)

    return Plot(
        'results',
        'Learning curves',
        f'Mean average precision on the test set against the number of {axis.title}; a line is the mean over '
        'seeds, a dot a single run.',
        ('setting', 'seed', 'cycle', axis.key, 'mAP'),
        rows,
        draw,
        (1 + 3.6 * len(grid.schedules), 3.8),
    )


def _draw_setting(axes: Axes, seeds: list[Curve], name: str, number: int, shift: float) -> None:
    values = 100 * np.array([curve.values for curve in seeds])
    labeled = np.array([curve.labeled for curve in seeds], dtype=float)
    if labeled.shape[1] > 1:
        labeled += shift * np.diff(labeled.mean(axis=0)).min()
    style = styled(number)
    axes.plot(labeled.mean(axis=0), values.mean(axis=0), label=name, **style)
    dots = dict(color=style['color'], marker=style['marker'], s=14, alpha=0.45, linewidths=0)
    axes.scatter(labeled.ravel(), values.ravel(), **dots)
