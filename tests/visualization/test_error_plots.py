"""Plots of right and wrong detections."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mmdet_miaod.active.cycle_evaluation import DETECTION
from mmdet_miaod.datasets.voc_map import ClassAP
from mmdet_miaod.visualization.detection_errors import KINDS, DetectionErrors
from mmdet_miaod.visualization.error_plots import MAX_CLASSES, confusions, error_kinds, precision_recall
from mmdet_miaod.visualization.figures import Plot


def draw(plot: Plot) -> Figure:
    figure = Figure()
    plot.draw(figure)
    return figure


def curve(num_gts: int, ap: float = 0.5) -> ClassAP:
    return ClassAP(ap, num_gts, 2, np.array([0.5, 0.5]), np.array([1.0, 0.5]))


def test_bars_are_shares_of_the_counted_detections() -> None:
    kinds = np.array([0, 0, 0, 5])
    errors = DetectionErrors(np.zeros(4, DETECTION), kinds, kinds, np.array([True]), np.array([False]))
    plot = error_kinds({2: errors})
    assert plot.rows == [(2, 3, 0, 0, 0, 0, 1, 1)] and plot.columns == ('cycle', *KINDS, 'missed_boxes')
    widths = [patch.get_width() for patch in draw(plot).axes[0].patches]
    assert widths == [75, 0, 0, 0, 0, 25]


def test_each_class_with_boxes_has_a_panel_with_the_first_and_the_newest_cycle() -> None:
    by_class = dict(cat=curve(3), ghost=curve(0, float('nan')), dog=curve(2, 0.123))
    figure = draw(precision_recall({0: by_class, 4: by_class}))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == ['cat 50.0', 'dog 12.3']
    assert [line.get_label() for line in shown[0].lines] == ['cycle 0', 'cycle 4']
    assert len({line.get_linestyle() for line in shown[0].lines}) == 2
    assert [line.get_label() for line in draw(precision_recall({1: by_class})).axes[0].lines] == ['cycle 1']


def test_of_many_classes_those_with_most_boxes_are_shown() -> None:
    many = {f'c{number}': curve(number + 1) for number in range(MAX_CLASSES + 6)}
    figure = draw(precision_recall({0: many}))
    shown = [axes.get_title().split()[0] for axes in figure.axes if axes.get_visible()]
    assert shown == [f'c{number}' for number in range(6, MAX_CLASSES + 6)]
    matrix = np.diag(np.arange(1, MAX_CLASSES + 8))
    (axes,) = draw(confusions(matrix, list(many))).axes
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == [*shown, 'missed']


def test_nothing_to_find_is_no_plot() -> None:
    assert precision_recall({0: dict(ghost=curve(0))}) is None


def test_the_matrix_prints_its_numbers_and_leaves_zeros_empty() -> None:
    plot = confusions(np.array([[7, 0, 2], [1, 0, 0], [0, 3, 0]]), ['cat', 'dog'])
    (axes,) = draw(plot).axes
    assert [(text.get_position(), text.get_text()) for text in axes.texts] == [
        ((0, 0), '7'), ((2, 0), '2'), ((0, 1), '1'), ((1, 2), '3'),
    ]  # fmt: skip
    assert [label.get_text() for label in axes.get_yticklabels()] == ['cat', 'dog', 'background']
    assert plot.rows[:3] == [('cat', 'cat', 7), ('cat', 'dog', 0), ('cat', 'missed', 2)]
