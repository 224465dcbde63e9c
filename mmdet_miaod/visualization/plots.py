"""Plots of a report. Each function returns None where there is nothing to draw yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .figures import HISTOGRAM, INK, PAPER, Plot, filled, plain_numbers, shortened, styled
from .run_reader import RunRecord


def stage_times(record: RunRecord) -> Plot | None:
    """Plot the minutes of each cycle, by stage."""
    entries = [entry for entry in record.metrics if entry.get('seconds')]
    if not entries:
        return None
    stages = list(dict.fromkeys(name for entry in entries for name in entry['seconds']))
    minutes = {s: np.array([entry['seconds'].get(s, 0) / 60 for entry in entries]) for s in stages}
    cycles = [str(entry['cycle']) for entry in entries]
    rows = [(c, s, round(minutes[s][i], 4)) for i, c in enumerate(cycles) for s in stages]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        left = np.zeros(len(cycles))
        for number, stage in enumerate(stages):
            axes.barh(cycles, minutes[stage], left=left, label=stage, height=0.7, **filled(number))
            left += minutes[stage]
        axes.invert_yaxis()
        axes.grid(visible=False, axis='y')
        axes.set(xlabel='minutes', ylabel='cycle')
        figure.legend(loc='outside lower center', ncols=3)

    total = sum(float(values.sum()) for values in minutes.values())
    height = min(1.9 + 0.32 * len(cycles), 8)
    return Plot(
        'time_by_stage',
        'Time by stage',
        f'Minutes of each cycle, stacked by stage; {total:.1f} minutes in all.',
        ('cycle', 'stage', 'minutes'),
        rows,
        draw,
        (4.6, height),
    )


def score_histograms(record: RunRecord) -> Plot | None:
    """Plot the scores of the unlabeled images in each cycle's query, and those of the selected ones."""
    panels = {}
    for cycle in record.cycles:
        scores = record.scores.get(cycle, np.zeros(0))
        valid = scores[np.isfinite(scores)]
        if len(valid):
            chosen = record.selected(cycle)
            chosen = chosen[chosen < len(scores)]
            panels[cycle] = (valid, scores[chosen])
    if not panels:
        return None
    edges, logarithmic = _bin_edges(np.concatenate([valid for valid, _ in panels.values()]))
    counts = {
        c: [np.histogram(np.clip(v, edges[0], edges[-1]), edges)[0] for v in p] for c, p in panels.items()
    }
    rows = [
        (cycle, float(edges[i]), float(edges[i + 1]), int(everything[i]), int(chosen[i]))
        for cycle, (everything, chosen) in counts.items()
        for i in range(len(edges) - 1)
    ]

    return Plot(
        'score_histograms',
        'Uncertainty of the unlabeled images',
        'Histogram of the image scores in each cycle; the selected images are hatched.',
        ('cycle', 'from', 'to', 'unlabeled_images', 'selected_images'),
        rows,
        lambda figure: _draw_histograms(figure, counts, edges, logarithmic),
        (4.6, min(1.3 + 1.05 * len(counts), 11)),
    )


def _draw_histograms(
    figure: Figure, counts: Mapping[int, Sequence[np.ndarray]], edges: np.ndarray, logarithmic: bool
) -> None:
    axes_list = figure.subplots(len(counts), 1, sharex=True, squeeze=False)[:, 0]
    marked = dict(facecolor='#d55e00', hatch='////', edgecolor=PAPER)
    for axes, (cycle, (everything, chosen)) in zip(axes_list, counts.items(), strict=True):
        axes.stairs(everything, edges, fill=True, label='all unlabeled images', facecolor=HISTOGRAM)
        axes.stairs(chosen, edges, fill=True, label='selected', **marked)
        axes.set_ylabel(f'cycle {cycle}')
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        if logarithmic:
            axes.set_xscale('log')
            plain_numbers(axes.xaxis)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(5))
    axes_list[-1].set_xlabel('uncertainty of the image (bars: number of images)')
    handles, labels = axes_list[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower center', ncols=2)


def _bin_edges(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return ``(41,)`` bin edges, logarithmic where scores reach over more than two orders of magnitude."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        margin = abs(low) * 0.1 or 1e-6
        return np.linspace(low - margin, high + margin, 41), False
    if low > 0 and high / low > 100:
        return np.geomspace(low, high, 41), True
    return np.linspace(low, high, 41), False


def class_balance(counts: Mapping[int, Mapping[str, np.ndarray]], classes: Sequence[str]) -> Plot | None:
    """Plot the share of each class among the boxes of labeled, of selected, and of all images labeled so far.

    Args:
        counts: for each cycle and each of the kinds ``'labeled'``, ``'selected'``, ``'pool so far'`` the
            ``(C,)`` number of boxes of each class.
        classes: class names.
    """
    counts = {cycle: kinds for cycle, kinds in counts.items() if kinds['labeled'].sum()}
    if not counts:
        return None
    rows = [
        (cycle, kind, name, int(number), round(float(number / max(values.sum(), 1)), 6))
        for cycle, kinds in counts.items()
        for kind, values in kinds.items()
        for name, number in zip(classes, values, strict=True)
    ]
    per_row = min(len(counts), 2 if len(classes) > 8 else 3)
    height = min(0.16 + 0.3 * len(classes), 7)
    lines = -(-len(counts) // per_row)

    return Plot(
        'class_balance',
        'Class balance',
        'Share of each class among the boxes of the images labeled in a cycle, of those selected after it, '
        'and of both together (the pool as far as it is labeled).',
        ('cycle', 'images', 'class', 'boxes', 'share'),
        rows,
        lambda figure: _draw_balance(figure, counts, classes, (lines, per_row)),
        (4.6, min(1.2 + lines * (height + 0.45), 14)),
    )


def _draw_balance(
    figure: Figure,
    counts: Mapping[int, Mapping[str, np.ndarray]],
    classes: Sequence[str],
    shape: tuple[int, int],
) -> None:
    lines, per_row = shape
    grid = figure.subplots(lines, per_row, sharey=True, sharex=True, squeeze=False).ravel()
    places = np.arange(len(classes))
    for axes, (cycle, kinds) in zip(grid, counts.items()):
        for number, (kind, values) in enumerate(kinds.items()):
            share = 100 * values / max(values.sum(), 1)
            axes.barh(places + 0.28 * (number - 1), share, 0.27, label=kind, **filled(number))
        axes.set_title(f'cycle {cycle}', fontsize=9.5)
        axes.set_yticks(places, [shortened(name) for name in classes])
        axes.grid(visible=False, axis='y')
    grid[0].invert_yaxis()
    for axes in grid[len(counts) :]:
        axes.set_visible(False)
    for axes in grid[max(len(counts) - per_row, 0) : len(counts)]:
        axes.set_xlabel('% of boxes')
        axes.tick_params(labelbottom=True)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower center', ncols=3)


def class_precision(record: RunRecord) -> Plot | None:
    """Plot the AP of each class in the first, the middle and the newest evaluation."""
    entries = [entry for entry in record.metrics if entry.get('AP')]
    if not entries:
        return None
    classes = list(entries[-1]['AP'])
    rows = [(e['cycle'], e['labeled'], name, e['AP'].get(name)) for e in entries for name in classes]
    shown = entries if len(entries) < 3 else [entries[0], entries[len(entries) // 2], entries[-1]]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        places = np.arange(len(classes))
        for number, entry in enumerate(shown):
            values = [100 * (entry['AP'].get(name) or 0) for name in classes]
            style = styled(number) | dict(linestyle='none', markersize=6, clip_on=False)
            axes.plot(values, places, label=f'cycle {entry["cycle"]} ({entry["labeled"]} images)', **style)
        axes.set_yticks(places, [shortened(name) for name in classes])
        axes.set_ylim(len(classes) - 0.5, -0.5)
        axes.set_xlabel('AP (%)')
        axes.set_xlim(left=0)
        axes.tick_params(axis='y', color=INK)
        figure.legend(loc='outside lower center', ncols=2)

    return Plot(
        'ap_by_class',
        'AP by class',
        'Average precision of each class on the test set after the first, middle and newest cycle.',
        ('cycle', 'labeled', 'class', 'AP'),
        rows,
        draw,
        (4.6, min(1.5 + 0.26 * len(classes), 12)),
    )
