"""Runs of a grid as processes, with a stub in place of the training command."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from mmdet_miaod.experiments import processes
from mmdet_miaod.experiments.grid import Grid
from mmdet_miaod.experiments.processes import GridRunner, is_finished
from mmdet_miaod.run.lock import LOCK_NAME
from mmdet_miaod.run.manifest import MANIFEST_NAME

STUB = """
import json, pathlib, sys, time
words = sys.argv[1:]
folder = pathlib.Path(words[words.index('--work-dir') + 1])
config = pathlib.Path(words[0])
run = folder / config.stem
(folder / 'calls.txt').open('a').write(' '.join(words) + '\\n')
if 'slow' in config.stem:
    (folder / f'{config.stem}.began').touch()
    time.sleep(60)
if 'leader' in config.stem:
    time.sleep(1)
    (folder / 'trained').touch()
if 'bad' in config.stem:
    sys.exit(3)
run.mkdir(exist_ok=True)
(run / 'run_state.json').write_text(json.dumps(dict(steps=[dict(kind='end')])))
"""


def grid_of(folder: Path, *strategies: str, seeds: tuple[int, ...] = (1,)) -> Grid:
    (folder / 'base.py').write_text('')
    names = {name: dict(type='random') for name in strategies}
    return Grid(folder / 'base.py', names, dict(one='miaod'), seeds, folder / 'runs', '', {}, 'data')


@pytest.fixture
def runner_of(tmp_path):
    tool = tmp_path / 'stub.py'
    tool.write_text(STUB)

    def build(
        *strategies: str, devices: tuple[str, ...] = ('cpu',), seeds: tuple[int, ...] = (1,)
    ) -> GridRunner:
        grid = grid_of(tmp_path, *strategies, seeds=seeds)
        return GridRunner(grid, [sys.executable, str(tool)], devices)

    return build


def calls(runner: GridRunner) -> list[str]:
    return (runner.grid.work_directory / 'calls.txt').read_text().splitlines()


def test_every_run_is_begun_once_and_a_failed_one_again(runner_of) -> None:
    runner = runner_of('good', 'bad', 'best')
    assert [run.strategy for run in runner.run()] == ['bad']
    assert [call.split()[0].rsplit('/', 1)[1] for call in calls(runner)] == [
        'good-one-seed1.py', 'bad-one-seed1.py', 'best-one-seed1.py',
    ]  # fmt: skip
    assert all(call.endswith('--data-root data --device cpu --quiet') for call in calls(runner))
    assert is_finished(runner.grid.work_directory / 'good-one-seed1')
    again = runner_of('good', 'bad', 'best')
    assert [run.strategy for run in again.run()] == ['bad']
    assert len(calls(runner)) == 4


def test_each_run_that_ends_says_its_precision_and_how_many_are_left(runner_of, caplog) -> None:
    runner = runner_of('good', 'bad')
    folder = runner.grid.work_directory / 'good-one-seed1'
    folder.mkdir(parents=True)
    (folder / 'metrics.json').write_text(json.dumps([dict(mAP=0.4689), dict(mAP=None)]))
    with caplog.at_level(logging.INFO):
        runner.run()
    good, bad = (record.getMessage() for record in caplog.records if 'of 2 runs' in record.getMessage())
    assert re.fullmatch(r'good-one-seed1: done, mAP 46\.9, – % \(1 of 2 runs, about 0:00:\d\d left\)\.', good)
    assert bad.endswith('(2 of 2 runs)')


def test_a_run_that_was_stopped_goes_on(runner_of) -> None:
    runner = runner_of('good')
    directory = runner.grid.work_directory / 'good-one-seed1'
    directory.mkdir(parents=True)
    (directory / MANIFEST_NAME).write_text(json.dumps(dict(steps=[dict(kind='split')])))
    (directory / 'X_L_0.npy').touch()
    assert runner.run() == []
    (call,) = calls(runner)
    assert f'--resume {directory}' in call and '--run-name' not in call


def test_a_run_that_cannot_be_started_is_a_failed_one(runner_of, monkeypatch) -> None:
    runner = runner_of('good', 'odd', 'best')
    command = runner.command
    runner.command = lambda run, device: 1 / 0 if run.strategy == 'odd' else command(run, device)
    assert [run.strategy for run in runner.run()] == ['odd']
    assert len(calls(runner)) == 2


def test_a_run_that_was_begun_in_vain_begins_again(runner_of) -> None:
    runner = runner_of('good')
    directory = runner.grid.work_directory / 'good-one-seed1'
    directory.mkdir(parents=True)
    (directory / MANIFEST_NAME).write_text('{"format"')
    (directory / LOCK_NAME).touch()
    (run,) = runner.grid.runs
    command = runner.command(run, 'cpu')
    assert '--run-name' in command and '--resume' not in command


def test_ctrl_c_stops_the_runs_of_a_device_that_is_named_twice(runner_of) -> None:
    runner = runner_of('slow', devices=('cpu', 'cpu'), seeds=(1, 2, 3))
    folder = runner.grid.work_directory

    def interrupt() -> None:
        while len(list(folder.glob('*.began'))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    started = time.monotonic()
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        runner.run()
    assert time.monotonic() - started < 30
    assert len(calls(runner)) == 2


def test_a_run_waits_for_the_first_cycle_that_another_is_training(runner_of, monkeypatch, caplog) -> None:
    runner = runner_of('leader', 'next', devices=('cpu', 'cpu', 'cpu'), seeds=(1, 2))
    trained = runner.grid.work_directory / 'trained'
    monkeypatch.setattr(
        processes, 'shared_first_cycle', lambda grid, run: ['--load-from', 'x'] if trained.exists() else []
    )
    with caplog.at_level(logging.INFO):
        assert runner.run() == []
    assert sum('free until a first cycle is trained' in text for text in caplog.messages) == 1
    made = calls(runner)
    begun = [call.split()[0].rsplit('/', 1)[1].removesuffix('.py') for call in made]
    assert sorted(begun[:2]) == ['leader-one-seed1', 'leader-one-seed2']
    assert sorted(begun[2:]) == ['next-one-seed1', 'next-one-seed2']
    assert ['--load-from' in call for call in made] == [False, False, True, True]


def test_a_first_cycle_that_failed_is_not_waited_for(runner_of) -> None:
    runner = runner_of('bad', 'good', devices=('cpu', 'cpu'))
    assert [run.strategy for run in runner.run()] == ['bad']
    assert len(calls(runner)) == 2
