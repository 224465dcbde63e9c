"""metrics.json is made of the manifest alone."""

import json

from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.manifest import RunState
from mmdet_miaod.run.metrics import cycle_metrics, cycle_table, write_metrics
from mmdet_miaod.run.step import FinishedStep


def test_seconds_add_up_by_stage_and_unfinished_cycles_are_left_out(tmp_path) -> None:
    state = RunState(tmp_path, RunIdentity({}, '', 9, 0), {})
    state.steps = [
        FinishedStep('split', 3, values=dict(labeled=4, unlabeled=4)),
        FinishedStep('epoch', 3, 0, 1, values=dict(stage='label', seconds=1.5)),
        FinishedStep('epoch', 3, 1, 1, values=dict(stage='minimize', seconds=2.0)),
        FinishedStep('epoch', 3, 2, 1, values=dict(stage='label', seconds=1.0)),
        FinishedStep('evaluation', 3, values=dict(mAP=0.25, AP=dict(cat=0.5, dog=None), seconds=0.12345)),
        FinishedStep('chunk', 3, 0, values=dict(seconds=9.0)),  # scored again, see below
        FinishedStep('chunk', 3, 0, values=dict(seconds=3.0)),
        FinishedStep('chunk', 3, 1, values=dict(seconds=4.0)),
        FinishedStep('split', 4, values=dict(labeled=7, unlabeled=7)),
        FinishedStep('epoch', 4, 0, 1, values=dict(stage='label', seconds=1.0)),
    ]
    expected = dict(
        cycle=3,
        labeled=4,
        mAP=0.25,
        AP=dict(cat=0.5, dog=None),
        seconds=dict(label=2.5, minimize=2.0, evaluate=0.123, score=7.0),
    )
    assert cycle_metrics(state) == [expected]
    write_metrics(state)
    assert json.loads((tmp_path / 'metrics.json').read_text()) == [expected]


def test_a_run_without_results_has_an_empty_list(tmp_path) -> None:
    assert cycle_metrics(RunState(tmp_path, RunIdentity({}, '', 9, 0), {})) == []


def test_the_table_of_cycles_has_percent_and_minutes() -> None:
    entry = dict(cycle=0, labeled=16, mAP=0.12345, seconds=dict(label=60.0, score=36.0))
    assert cycle_table([entry, dict(entry, cycle=1, labeled=100, mAP=None)]).splitlines() == [
        '|   cycle |   labeled images |   mAP (%) |   time (min) |',
        '|---------|------------------|-----------|--------------|',
        '|       0 |               16 |     12.35 |          1.6 |',
        '|       1 |              100 |         - |          1.6 |',
    ]
