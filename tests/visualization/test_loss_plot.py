"""The plot of the losses of a run."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from mmdet_miaod.visualization.loss_plot import loss_curves
from mmdet_miaod.visualization.run_reader import RunRecord


def record(cycles: int, steps: int = 2) -> RunRecord:
    losses = [
        dict(cycle=cycle, stage='minimize', stage_number=1, step=step, loss=1.0, loss_cls=0.5, loss_dis=0.1)
        for cycle in range(cycles)
        for step in range(1, steps + 1)
    ]
    return RunRecord(Path('run'), losses=losses)


def draw(losses: RunRecord) -> Figure:
    figure = Figure()
    loss_curves(losses).draw(figure)
    return figure


def test_numbers_of_cycles_are_not_printed_over_one_another() -> None:
    figure = draw(record(30))
    (axes,) = figure.axes
    texts = [(text.get_position()[0], text.get_text()) for text in axes.texts]
    assert texts[0] == (0, 'cycle 0') and len(texts) < 20
    gaps = [b[0] - a[0] for a, b in zip(texts, texts[1:])]
    assert gaps[0] >= 0.2 * 60 and min(gaps[1:]) >= 0.05 * 60
    assert len([line for line in axes.lines if len(set(line.get_xdata())) == 1]) == 30


def test_a_loss_looks_the_same_whatever_is_drawn_beside_it() -> None:
    (axes,) = draw(record(1)).axes
    whole = {line.get_label(): line.get_color() for line in axes.lines if line.get_label()[0] != '_'}
    without = record(1)
    for entry in without.losses:
        del entry['loss_cls']
    (axes,) = draw(without).axes
    part = {line.get_label(): line.get_color() for line in axes.lines if line.get_label()[0] != '_'}
    assert part == {name: color for name, color in whole.items() if name != 'loss_cls'}
    assert len(set(whole.values())) == 3


def test_iterations_are_whole_numbers() -> None:
    (axes,) = draw(record(1)).axes
    assert all(float(tick).is_integer() for tick in axes.get_xticks())
