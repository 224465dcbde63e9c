"""Learning curves: which runs are one curve, what they are drawn against, and what is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmdet_miaod.visualization.learning_curve import (
    CURVE_AXES,
    Curve,
    CurvePoint,
    common_axis,
    group_runs,
    learning_curves,
    mean_points,
)
from mmdet_miaod.visualization.reference_curves import VOC_CLASSES, curves_for
from mmdet_miaod.visualization.run_reader import read_run
from tests.visualization.recorded_run import write_run

IMAGES = CURVE_AXES['image']
ONE, TWO = Curve('one', (0, 1), (3, 5), (0.4, 0.6)), Curve('two', (0, 1), (3, 5), (0.6, 0.8))


def test_runs_that_differ_in_the_seed_become_one_curve(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / f'seed{n}', seed=n, precision=p)) for n, p in ((1, 0.4), (2, 0.6))]
    ((name, curves),) = group_runs(runs, IMAGES).items()
    assert name == 'seed1, seed2, 2 runs' and len(curves) == 2
    first, second = mean_points(curves)
    assert (first.cycle, first.labeled, second.labeled, first.runs) == (0, 3, 5, 2)
    assert first.mean == pytest.approx(0.5)
    assert first.std == pytest.approx(0.2 / 2**0.5)


def test_a_mean_is_over_the_runs_that_have_the_cycle() -> None:
    first, second = mean_points([ONE, Curve('short', (0,), (3,), (0.2,))])
    assert first.mean == pytest.approx(0.3) and first.runs == 2
    assert second == CurvePoint(1, 5.0, 0.6, None, 1)


@pytest.mark.parametrize(
    ('names', 'shown'),
    [
        (('entropy-miaod-seed1', 'entropy-miaod-seed12'), 'entropy-miaod, 2 runs'),
        (('seed1', 'seed12'), 'seed1, seed12, 2 runs'),
        (('monday', 'tuesday_seed2'), 'monday, tuesday_seed2, 2 runs'),
    ],
)
def test_one_curve_has_the_name_that_its_runs_share(tmp_path: Path, names, shown) -> None:
    runs = [read_run(write_run(tmp_path / name, seed=seed)) for seed, name in enumerate(names)]
    assert list(group_runs(runs, IMAGES)) == [shown]


def test_curves_are_over_boxes_where_every_budget_counts_them(tmp_path: Path) -> None:
    written = ((1, 0.4, (10, 30)), (2, 0.6, (12, 31)))
    runs = [read_run(write_run(tmp_path / f'{n}', n, precision=p, boxes=boxes)) for n, p, boxes in written]
    assert common_axis(runs) == ('boxes', 'labeled boxes')
    (curves,) = group_runs(runs, common_axis(runs)).values()
    points = mean_points(curves)
    assert [(point.labeled, point.runs) for point in points] == [(11, 2), (30.5, 2)]
    assert points[1].mean == pytest.approx(0.7)
    assert common_axis([*runs, read_run(write_run(tmp_path / 'by_images'))]).key == 'labeled'


def test_a_name_looks_the_same_in_every_panel() -> None:
    figure = Figure()
    plot = learning_curves({'left': dict(a=[ONE], b=[TWO]), 'right': dict(b=[TWO])}, IMAGES)
    plot.draw(figure)
    left, right = figure.axes
    assert [axes.get_title() for axes in (left, right)] == ['left', 'right']
    looks = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in left.lines]
    assert looks[0] != looks[1]
    assert [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in right.lines] == looks[1:]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['a', 'b']


def test_panels_of_one_height_show_the_highest_curve_of_any() -> None:
    figure = Figure()
    learning_curves(dict(high={'a': [TWO]}, low={'a': [ONE]}), IMAGES).draw(figure)
    assert [axes.get_ylim() for axes in figure.axes] == [pytest.approx((0, 1.06 * 80))] * 2


def test_runs_of_one_curve_are_its_mean_and_dots() -> None:
    figure = Figure()
    learning_curves({'': dict(both=[ONE, TWO])}, IMAGES).draw(figure)
    (axes,) = figure.axes
    assert np.allclose(axes.lines[0].get_ydata(), [50, 70])
    assert np.allclose(axes.collections[0].get_offsets(), [[3, 40], [5, 60], [3, 60], [5, 80]])


def test_published_curves_lie_behind_and_are_among_the_numbers() -> None:
    published = curves_for(16551, VOC_CLASSES, 'MIAODRetinaHead')[:1]
    plot = learning_curves({'': dict(one=[ONE])}, IMAGES, published)
    assert plot.rows[:2] == [('one', 'one', 0, 3, 0.4, None, ''), ('one', 'one', 1, 5, 0.6, None, '')]
    source = 'README of the published code; paper, table 4'
    assert plot.rows[2] == ('published: MI-AOD', '', None, 827, 0.4718, None, source)
    figure = Figure()
    plot.draw(figure)
    assert [line.get_label() for line in figure.axes[0].lines] == ['published: MI-AOD', 'one']
    assert np.allclose(figure.axes[0].lines[0].get_ydata()[:2], [47.18, 58.41])


def test_nothing_evaluated_is_nothing_to_draw() -> None:
    assert learning_curves({'': dict(one=[Curve.of_metrics('one', [], IMAGES)])}, IMAGES) is None
