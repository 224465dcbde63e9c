"""Records of runs in one file, and grids that take them for finished runs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from mmdet_miaod.experiments.grid import load_grid
from mmdet_miaod.experiments.processes import GridRunner, changed_runs
from mmdet_miaod.experiments.records import RecordedRun, read_records, record_run, write_records
from mmdet_miaod.experiments.results import read_all_curves
from mmdet_miaod.run.files import write_json
from mmdet_miaod.run.identity import RunIdentity
from mmdet_miaod.run.manifest import RunState
from mmdet_miaod.run.step import FinishedStep

METRICS = [dict(cycle=0, labeled=4, mAP=0.1), dict(cycle=1, labeled=6, mAP=0.2)]


@pytest.fixture
def grid(grid_file, tmp_path):
    return replace(load_grid(grid_file), records=tmp_path / 'records.json')


def identity(grid, run) -> RunIdentity:
    return RunIdentity(grid.run_settings(run).identity, 'pool', 8, run.seed)


def record(grid, run, finished: bool = True) -> RecordedRun:
    return RecordedRun(identity(grid, run), dict(torch='2.11.0'), finished, METRICS)


def write_run(grid, run, finished: bool = True) -> None:
    directory = grid.work_directory / run.name
    directory.mkdir(parents=True)
    steps = [FinishedStep('end', 1)] if finished else [FinishedStep('split', 0)]
    RunState(directory, identity(grid, run), dict(torch='2.11.0'), steps=steps).save()
    write_json(directory / 'metrics.json', METRICS)


def test_a_run_directory_becomes_a_record(grid) -> None:
    run = grid.runs[0]
    write_run(grid, run)
    assert record_run(grid.work_directory / run.name) == record(grid, run)


def test_records_come_back_as_they_were_and_name_what_they_share_once(grid) -> None:
    runs = {run.name: record(grid, run, finished=run.seed == 1) for run in grid.runs}
    write_records(grid.records, runs)
    assert read_records(grid.records) == runs
    assert grid.records.read_text().count('model.backbone.depth') == 1
    (line,) = (
        line for line in grid.records.read_text().splitlines() if line.startswith('"entropy-one-seed2"')
    )
    entry = json.loads(line.partition(': ')[2].rstrip(','))
    assert entry == dict(finished=False, seed=2, config={'query.type': 'entropy', 'seed': 2}, metrics=METRICS)


@pytest.mark.parametrize(
    'text', ['', '[]', '{"format": 2}', '{"format": 1, "shared": {}, "runs": {"a": {}}}']
)
def test_another_file_is_refused(tmp_path, text) -> None:
    (tmp_path / 'records.json').write_text(text)
    with pytest.raises(ValueError, match='is no file of records'):
        read_records(tmp_path / 'records.json')


def test_finished_records_are_not_run_again_and_runs_that_end_are_added(grid, tmp_path) -> None:
    first, second, third, fourth = grid.runs
    write_records(grid.records, {first.name: record(grid, first), third.name: record(grid, third, False)})
    write_run(grid, second)
    write_run(grid, third)
    tool = tmp_path / 'stub.py'
    tool.write_text('import sys\nsys.exit(3)\n')
    runner = GridRunner(grid, [sys.executable, str(tool)], ['cpu'])
    assert runner.run() == [fourth]
    records = grid.read_records()
    assert records.keys() == {first.name, second.name, third.name}
    assert all(entry.finished for entry in records.values())


def test_a_failed_run_is_recorded_as_not_finished(grid, tmp_path) -> None:
    write_run(grid, grid.runs[0], finished=False)
    tool = tmp_path / 'stub.py'
    tool.write_text('import sys\nsys.exit(3)\n')
    assert GridRunner(grid, [sys.executable, str(tool)], ['cpu']).run() == grid.runs
    assert grid.read_records() == {grid.runs[0].name: record(grid, grid.runs[0], False)}


def test_curves_are_read_from_records_and_newer_ones_of_unfinished_runs_from_their_directories(grid) -> None:
    first, second, *_ = grid.runs
    write_records(grid.records, {first.name: record(grid, first), second.name: record(grid, second, False)})
    (grid.work_directory / second.name).mkdir()
    write_json(grid.work_directory / second.name / 'metrics.json', METRICS[:1])
    curves = read_all_curves(grid)
    assert curves['random-one'][1].values == (0.1, 0.2)
    assert curves['entropy-one'][1].values == (0.1,)


def test_records_of_another_config_are_found(grid, grid_file) -> None:
    write_records(grid.records, {run.name: record(grid, run, run.seed == 1) for run in grid.runs})
    assert changed_runs(grid) == {}
    grid_file.write_text(grid_file.read_text().replace('0.4', '0.5'))
    changed = changed_runs(replace(load_grid(grid_file), records=grid.records))
    assert list(changed) == grid.runs[:2]
    assert '+evaluation.iou_thr = 0.5' in changed[grid.runs[0]]
