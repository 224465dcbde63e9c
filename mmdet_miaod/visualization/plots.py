"""Plots of a report. Each function returns None where there is nothing to draw yet."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from .figures import (
    HISTOGRAM,
    INK,
    PAPER,
    Plot,
    draw_stacked,
    filled,
    label_logarithmic,
    shortened,
    style_numbers,
    styled,
)
from .run_reader import RunRecord

T = TypeVar('T')
_STAGES = ('label', 'minimize', 'maximize', 'score', 'evaluate')


def first_middle_newest(cycles: Sequence[T]) -> list[T]:
    """Choose the cycles that a plot shows, at most three."""
    return [cycles[i] for i in sorted({0, len(cycles) // 2, len(cycles) - 1})] if cycles else []


def stage_times(record: RunRecord) -> Plot | None:
    """Plot the minutes of each cycle, by stage."""
    entries = [entry for entry in record.metrics if entry.get('seconds')]
    if not entries:
        return None
    stages = list(dict.fromkeys(name for entry in entries for name in entry['seconds']))
    seconds = {s: np.array([entry['seconds'].get(s, 0) for entry in entries], float) for s in stages}
    cycles = [str(entry['cycle']) for entry in entries]
    rows = [(c, s, round(seconds[s][i] / 60, 4)) for i, c in enumerate(cycles) for s in stages]
    total = float(sum(values.sum() for values in seconds.values()))
    unit, length = ('seconds', 1) if total < 300 else ('minutes', 60)

    def draw(figure: Figure) -> None:
        widths = {stage: values / length for stage, values in seconds.items()}
        axes = draw_stacked(figure, cycles, widths, style_numbers(stages, _STAGES))
        axes.set(xlabel=unit, ylabel='cycle')
        figure.legend(loc='outside lower center', ncols=3)

    height = min(1.5 + 0.28 * len(cycles), 6)
    return Plot(
        'time_by_stage',
        'Time by stage',
        f'Time of each cycle, stacked by stage; {total / length:.1f} {unit} in all.',
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
    shown = first_middle_newest(list(panels))
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
        'Histogram of the image scores in the first, middle and newest query; selected images are hatched.',
        ('cycle', 'from', 'to', 'unlabeled_images', 'selected_images'),
        rows,
        lambda figure: _draw_histograms(figure, {c: counts[c] for c in shown}, edges, logarithmic),
        (4.6, 1.3 + 1.05 * len(shown)),
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
            label_logarithmic(axes.xaxis, edges[0], edges[-1])
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))
            # 1.2e-08 at each tick, where matplotlib would write 1e-8 over the label of the axis.
            axes.xaxis.set_major_formatter(StrMethodFormatter('{x:.3g}'))
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
    shown = {cycle: counts[cycle] for cycle in first_middle_newest(list(counts))}

    return Plot(
        'class_balance',
        'Class balance',
        'Share of each class among the boxes of the images labeled in a cycle, of those selected after it, '
        'and of both together; the first, middle and newest cycle.',
        ('cycle', 'images', 'class', 'boxes', 'share'),
        rows,
        lambda figure: _draw_balance(figure, shown, classes),
        (4.6, min(1.5 + 0.3 * len(classes), 9)),
    )


def _draw_balance(
    figure: Figure,
    counts: Mapping[int, Mapping[str, np.ndarray]],
    classes: Sequence[str],
) -> None:
    panels = figure.subplots(1, len(counts), sharey=True, sharex=True, squeeze=False)[0]
    places = np.arange(len(classes))
    for axes, (cycle, kinds) in zip(panels, counts.items(), strict=True):
        for number, (kind, values) in enumerate(kinds.items()):
            share = 100 * values / max(values.sum(), 1)
            axes.barh(places + 0.28 * (number - 1), share, 0.27, label=kind, **filled(number))
        axes.set_title(f'cycle {cycle}', fontsize=9.5)
        axes.set_yticks(places, [shortened(name) for name in classes])
        axes.grid(visible=False, axis='y')
        axes.set_xlabel('% of boxes')
    panels[0].invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower center', ncols=3)


def class_precision(record: RunRecord) -> Plot | None:
    """Plot the AP of each class in the first, the middle and the newest evaluation."""
    entries = [entry for entry in record.metrics if entry.get('AP')]
    if not entries:
        return None
    classes = list(entries[-1]['AP'])
    rows = [(e['cycle'], e['labeled'], name, e['AP'].get(name)) for e in entries for name in classes]
    shown = first_middle_newest(entries)

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
        (4.6, min(1.5 + 0.22 * len(classes), 9)),
    )
