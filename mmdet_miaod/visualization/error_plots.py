"""Plots of what is right and wrong with detections on a test set."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..datasets.voc_map import ClassAP
from .detection_errors import KINDS, DetectionErrors
from .figures import COLORS, HISTOGRAM, INK, PAPER, Plot, draw_stacked, shortened

# Panels or rows of a plot; of more classes those with the most boxes are shown.
MAX_CLASSES = 24
# Correct ones in green, as in the pictures.
_KIND_NUMBERS = dict(correct=2, duplicate=3, localization=1, confusion=0, both=5, background=6)


def error_kinds(errors: Mapping[int, DetectionErrors]) -> Plot:
    """Plot the share of each kind among the counted detections, a bar per cycle."""
    counts = {cycle: found.counts() for cycle, found in errors.items()}
    rows = [(cycle, *kinds.values(), int(errors[cycle].missed.sum())) for cycle, kinds in counts.items()]

    def draw(figure: Figure) -> None:
        totals = np.array([max(sum(kinds.values()), 1) for kinds in counts.values()])
        shares = {kind: 100 * np.array([kinds[kind] for kinds in counts.values()]) / totals for kind in KINDS}
        axes = draw_stacked(figure, [str(cycle) for cycle in counts], shares, _KIND_NUMBERS)
        axes.set_xlim(0, 100)
        axes.set(xlabel='% of the counted detections', ylabel='cycle')
        figure.legend(loc='outside lower center', ncols=3)

    return Plot(
        'detection_errors',
        'Right and wrong detections',
        'Of each class as many of the most confident detections are counted as it has boxes in the test set.',
        ('cycle', *KINDS, 'missed_boxes'),
        rows,
        draw,
        (4.6, min(1.5 + 0.28 * len(counts), 6)),
    )


def precision_recall(curves: Mapping[int, Mapping[str, ClassAP]]) -> Plot | None:
    """Plot precision against recall, a panel per class: the newest cycle, and the first one dashed.

    Args:
        curves: of the first and the newest cycle, by class name.
    """
    newest = max(curves)
    names = sorted(curves[newest], key=lambda name: -curves[newest][name].num_gts)[:MAX_CLASSES]
    names = [name for name in curves[newest] if name in names and curves[newest][name].num_gts]
    if not names:
        return None
    columns = min(len(names), 3 if len(names) < 10 else 4)
    lines = -(-len(names) // columns)
    others = len(curves[newest]) - len(names)
    return Plot(
        'precision_recall',
        'Precision and recall of each class',
        f'On the test set at the overlap of the evaluation; AP (%) beside the name'
        f'{f"; the {len(names)} classes with the most boxes" if others else ""}.',
        ('cycle', 'class', 'recall', 'precision'),
        [row for cycle, by_class in curves.items() for row in _curve_rows(cycle, by_class)],
        lambda figure: _draw_panels(figure, curves, names, (lines, columns)),
        (4.6, 0.9 + 1.35 * lines),
    )


def _draw_panels(
    figure: Figure,
    curves: Mapping[int, Mapping[str, ClassAP]],
    names: Sequence[str],
    shape: tuple[int, int],
) -> None:
    first, newest, columns = min(curves), max(curves), shape[1]
    panels = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, name in zip(panels, names):
        if first != newest:
            _draw_curve(axes, curves[first][name], f'cycle {first}', color=COLORS[6], linestyle='--')
        _draw_curve(axes, curves[newest][name], f'cycle {newest}', color=COLORS[0], linestyle='-')
        axes.set_title(f'{shortened(name, 12)} {100 * curves[newest][name].ap:.1f}', fontsize=8.5)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.tick_params(labelsize=8)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    for axes in panels[max(len(names) - columns, 0) : len(names)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel('recall')
    figure.supylabel('precision', fontsize=10)
    figure.legend(*panels[0].get_legend_handles_labels(), loc='outside lower center', ncols=2)


def _thinned(curve: ClassAP) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision at most 200 places, where recall grows first."""
    places = np.flatnonzero(np.diff(curve.recall, prepend=0))
    places = places[:: -(-max(len(places), 1) // 200)]
    return curve.recall[places], curve.precision[places]


def _draw_curve(axes: Axes, curve: ClassAP, label: str, **style: str) -> None:
    axes.plot(*_thinned(curve), label=label, linewidth=1.4, **style)


def _curve_rows(cycle: int, by_class: Mapping[str, ClassAP]) -> list[tuple]:
    return [
        (cycle, name, round(float(recall), 5), round(float(precision), 5))
        for name, curve in by_class.items()
        for recall, precision in zip(*_thinned(curve), strict=True)
    ]


def confusions(matrix: np.ndarray, classes: Sequence[str]) -> Plot:
    """Plot a confusion matrix.

    Args:
        matrix: ``(C + 1, C + 1)`` from :func:`~mmdet_miaod.visualization.detection_errors.confusion_matrix`.
        classes: class names.
    """
    boxes = matrix[:-1].sum(axis=1)
    shown = np.sort(np.argsort(-boxes, kind='stable')[:MAX_CLASSES])
    places = [*shown, len(classes)]
    part = matrix[np.ix_(places, places)]
    names = [shortened(classes[i], 12) for i in shown]
    rows = [
        (true, found, int(matrix[i, j]))
        for i, true in enumerate([*classes, 'background'])
        for j, found in enumerate([*classes, 'missed'])
    ]
    return Plot(
        'confusion_matrix',
        'Confusion matrix',
        'Number of boxes by their class and the class that they are found as; a deeper color is a larger '
        'share of the row. Last row: detections of no box.',
        ('true', 'found', 'number'),
        rows,
        lambda figure: _draw_matrix(figure, part, names),
        (4.6, 1.3 + 0.42 * len(places) if len(places) < 8 else 4.4),
    )


def _draw_matrix(figure: Figure, matrix: np.ndarray, names: Sequence[str]) -> None:
    axes, count = figure.add_subplot(), len(matrix)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = min(9, 110 / count / max(len(str(matrix.max())), 2))
    for (i, j), value in np.ndenumerate(matrix):
        if value:
            cell = dict(facecolor=HISTOGRAM, alpha=max(float(share[i, j]), 0.08), linewidth=0)
            axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, **cell))
            axes.text(j, i, str(value), ha='center', va='center', fontsize=size, color=INK)
    axes.set_xticks(range(count), [*names, 'missed'], rotation=45, ha='right')
    axes.set_yticks(range(count), [*names, 'background'])
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5))
    axes.set(xlabel='found as', ylabel='true class', facecolor=PAPER)
    axes.grid(visible=False)
    axes.tick_params(length=0, labelsize=min(9, 130 / count))
