"""Plot of the losses of a run, by stage."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..models.dense_heads.loss_terms import LOSS_TERMS
from .figures import GRID, Plot, label_logarithmic, shortened, style_numbers, styled
from .run_reader import RunRecord, loss_names

_MAX_POINTS = 400
_KNOWN = (*LOSS_TERMS, 'loss', 'loss_unlabeled')


def loss_curves(record: RunRecord) -> Plot | None:
    """Plot the losses over the iterations of all cycles, one panel per stage; None where there are none."""
    stages = list(dict.fromkeys(entry['stage'] for entry in record.losses))
    panels = {stage: [entry for entry in record.losses if entry['stage'] == stage] for stage in stages}
    names = loss_names(record.losses)
    if not names:
        return None
    rows = [
        (e['cycle'], e['stage'], e['stage_number'], e['step'], name, e[name])
        for e in record.losses
        for name in names
        if name in e
    ]

    def draw(figure: Figure) -> None:
        axes_list = figure.subplots(len(stages), 1, squeeze=False)[:, 0]
        for axes, stage in zip(axes_list, stages, strict=True):
            _draw_stage(axes, panels[stage], names)
            axes.set_ylabel(shortened(str(stage)), fontweight='bold')
        axes_list[-1].set_xlabel('iteration, all cycles in a row')
        handles = {
            label: line for axes in axes_list for line, label in zip(*axes.get_legend_handles_labels())
        }
        ordered = [name for name in names if name in handles]
        figure.legend([handles[n] for n in ordered], ordered, loc='outside lower center', ncols=2)

    return Plot(
        'losses',
        'Losses by stage',
        f'Each loss term over the iterations of the stages {", ".join(map(str, stages))}; a vertical line '
        'begins each cycle. Scales are logarithmic where values differ more than tenfold.',
        ('cycle', 'stage', 'stage_number', 'step', 'term', 'value'),
        rows,
        draw,
        (4.6, 1.1 + 1.75 * len(stages)),
    )


def _draw_stage(axes: Axes, entries: list[dict], names: Sequence[str]) -> None:
    steps, offset, starts = [], 0, {}
    previous = None
    for entry in entries:
        key = (entry['cycle'], entry['stage_number'])
        if key != previous:
            offset = steps[-1] if steps else 0
            previous = key
        starts.setdefault(entry['cycle'], offset)
        steps.append(offset + entry['step'])
    for name, number in style_numbers(names, _KNOWN).items():
        points = [(s, e[name]) for s, e in zip(steps, entries, strict=True) if e.get(name, 0) > 0]
        if points:
            points = points[:: -(-len(points) // _MAX_POINTS)]
            every = max(1, len(points) // 8)
            axes.plot(*zip(*points, strict=True), label=name, markevery=every, **styled(number))
    _mark_cycles(axes, starts, steps[-1])
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    shown = [e[name] for e in entries for name in names if e.get(name, 0) > 0]
    if shown and max(shown) > 10 * min(shown):
        axes.set_yscale('log')
        label_logarithmic(axes.yaxis, min(shown), max(shown))


def _mark_cycles(axes: Axes, starts: Mapping[int, int], end: int) -> None:
    """Draw a line where each cycle begins, and its number above where there is room for it."""
    free = 0.0
    for cycle, start in starts.items():
        axes.axvline(start, color=GRID, linewidth=1.2)
        if start >= free:
            text = f'cycle {cycle}' if start == 0 else str(cycle)
            axes.text(start, 1.01, text, transform=axes.get_xaxis_transform(), va='bottom', fontsize=8.5)
            free = start + 0.025 * (len(text) + 1) * end
