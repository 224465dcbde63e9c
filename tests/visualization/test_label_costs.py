"""What a report says about the labels of people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmdet_miaod.run.manifest import RunState
from mmdet_miaod.run.step import FinishedStep
from mmdet_miaod.visualization.figures import render
from mmdet_miaod.visualization.label_costs import cost_plots, cost_table
from mmdet_miaod.visualization.report import write_report
from mmdet_miaod.visualization.run_reader import RunRecord, read_run
from tests.visualization.recorded_run import fake_images, write_run


def counts(images: int, boxes: int, minutes: float | None, *fates: int) -> dict[str, Any]:
    """Counts of a batch with an image that is empty, one skipped, one untouched and one in no import."""
    proposed = dict(zip(('kept', 'moved', 'deleted', 'added'), fates or (0, 0, 0, boxes), strict=True))
    numbers = dict(images=images, with_boxes=images - 4, empty=1, skipped=1, untouched=1, missing=1)
    return dict(**numbers, conflicts=0, boxes=boxes, proposed=proposed, minutes=minutes)


def write_labeled_run(directory: Path, minutes: float | None = 2.5) -> RunRecord:
    """A run of two cycles with a test set: 10 boxes, then 8 more, of which 3 were proposed and kept."""
    write_run(directory)
    state = RunState.load(directory)
    for number, cycle, purpose, each in (
        (1, 0, 'test', counts(7, 7, 4.0)),
        (2, 0, 'train', counts(6, 10, 6.0)),
        (3, 1, 'train', counts(5, 8, minutes, 3, 2, 1, 3)),
    ):
        values = dict(purpose=purpose, reviewed=[], skipped=[], untouched=[], counts=each)
        state.record(FinishedStep('labels', cycle, number, values=values))
    return read_run(directory)


def test_each_batch_has_its_row_and_all_together_the_last(tmp_path) -> None:
    table = cost_table(write_labeled_run(tmp_path / 'run'))
    assert table.rows == [
        ['1', 'test set', '7', '3', '1', '1', '2', '7', '4.0', '–', '–', '–', '–', '–'],
        ['2', 'cycle 0', '6', '2', '1', '1', '2', '10', '6.0', '–', '–', '–', '–', '–'],
        ['3', 'cycle 1', '5', '1', '1', '1', '2', '8', '2.5', '3', '2', '1', '3', '50%'],
        ['sum', '', '18', '6', '3', '3', '6', '25', '12.5', '3', '2', '1', '3', '50%'],
    ]


def test_what_was_reached_is_drawn_against_the_labels_of_training_images(tmp_path) -> None:
    costs, proposed = cost_plots(write_labeled_run(tmp_path / 'run'))
    assert costs.rows == [(0, 3, 10, 6.0, 0.5), (1, 5, 18, 8.5, 0.7)]
    assert proposed.rows == [(3, 1, 3, 2, 1, 3)]
    svg, _ = render(costs)
    assert 'labeled boxes' in svg and 'minutes of labeling' in svg
    assert all(name in render(proposed)[0] for name in ('kept', 'moved', 'deleted', 'added', 'cycle 1'))


def test_minutes_that_a_tool_did_not_tell_are_not_drawn(tmp_path) -> None:
    record = write_labeled_run(tmp_path / 'run', None)
    costs = cost_plots(record)[0]
    assert [row[3] for row in costs.rows] == [6.0, None]
    assert 'minutes of labeling' not in render(costs)[0]
    assert [row[8] for row in cost_table(record).rows] == ['4.0', '6.0', '–', '10.0']


def test_a_run_whose_labels_came_with_the_data_has_nothing_to_tell(tmp_path) -> None:
    record = read_run(write_run(tmp_path / 'run'))
    assert cost_table(record) is None and cost_plots(record) == []


@pytest.mark.parametrize('labeled', [True, False])
def test_the_page_tells_of_labels_where_people_gave_them(tmp_path, labeled) -> None:
    write = write_labeled_run if labeled else write_run
    write(tmp_path / 'run')
    page = write_report([tmp_path / 'run'], lambda record: fake_images(tmp_path / 'images'), png=False)
    assert ('Labels spent' in page.read_text()) is labeled
    assert (page.with_name('report_plots') / 'proposed_boxes.csv').exists() is labeled
