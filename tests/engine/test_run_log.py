"""The loss log of a run, as MMDetection 2.28's tools/analysis_tools/analyze_logs.py reads it."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_run import tiny_train

SCHEDULE = [
    dict(name='label', epochs=2),
    dict(name='minimize', unlabeled_losses=['loss_dis', 'loss_mil_pseudo'], freeze=['bbox_head.f_[12]_*']),
]
HOOKS = [dict(type='TextLoggerHook', ignore_last=False)]


@pytest.fixture(scope='module')
def run(tmp_path_factory, tiny_data) -> Path:
    """Two cycles of 3 epochs: 4 labeled images in batches of 2, then 7."""
    hook = [dict(type='NumClassCheckHook')]
    work = tmp_path_factory.mktemp('log')
    return tiny_train(tiny_data, work, schedule=SCHEDULE, log_config__hooks=HOOKS, custom_hooks=hook)


@pytest.fixture
def lines(run) -> list[dict]:
    (path,) = run.glob('*.log.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def by_epoch(lines: list[dict]) -> dict[int, dict[str, list]]:
    """The script's way to read: without the first line and lines without epoch, lists by epoch and key."""
    found: dict[int, dict[str, list]] = {}
    for line in lines[1:]:
        if 'epoch' in line:
            values = found.setdefault(line['epoch'], defaultdict(list))
            for key, value in line.items():
                values[key].append(value)
    return found


def test_the_first_line_has_environment_config_and_seed(run, lines) -> None:
    assert set(lines[0]) == {'env_info', 'config', 'seed', 'exp_name'}
    (dumped,) = run.glob('*.py')
    assert lines[0]['config'] == dumped.read_text()
    assert 'torch: ' in lines[0]['env_info']
    (text,) = run.glob('*.log')
    assert text.read_text().splitlines()[0].endswith('Environment info:')


def test_epochs_and_iterations_grow_over_stages_and_cycles(lines) -> None:
    train = [line for line in lines if line.get('mode') == 'train']
    assert [line['epoch'] for line in train] == [1] * 2 + [2] * 2 + [3] * 2 + [4] * 4 + [5] * 4 + [6] * 4
    assert [line['iter'] for line in train] == list(range(1, 19))
    assert [line['epoch_iter'] for line in train] == [1, 2] * 3 + [1, 2, 3, 4] * 3
    assert [line['stage_epoch'] for line in train[:6]] == [1, 1, 2, 2, 1, 1]
    assert {(line['cycle'], line['stage'], line['stage_number']) for line in train} == {
        (cycle, stage, number) for cycle in (0, 1) for number, stage in enumerate(('label', 'minimize'))
    }


def test_each_cycle_has_an_evaluation_line(run, lines) -> None:
    metrics = json.loads((run / 'metrics.json').read_text())
    val = [line for line in lines if line.get('mode') == 'val']
    assert [(line['cycle'], line['epoch'], line['iter']) for line in val] == [(0, 3, 6), (1, 6, 18)]
    assert [(line['mAP'], line['AP50']) for line in val] == [
        (entry['mAP'], entry['AP50']) for entry in metrics
    ]


def test_plot_curve_finds_losses_and_map(lines) -> None:
    epochs = by_epoch(lines)
    # --eval-interval 3: the epochs of a cycle
    assert {'loss', 'mAP'} <= set(epochs[list(epochs)[3 - 1]])
    evaluated = [epoch for epoch in epochs if 'val' in epochs[epoch]['mode']]
    assert evaluated == [3, 6]
    assert len([value for epoch in epochs for value in epochs[epoch]['mAP']]) == len(evaluated)
    per_epoch = epochs[1]['iter'][-2]
    x = []
    for epoch, values in epochs.items():
        iterations = values['iter'][:-1] if values['mode'][-1] == 'val' else values['iter']
        assert len(values['loss'][: len(iterations)]) == len(iterations)
        x += list(np.array(iterations) + (epoch - 1) * per_epoch)
    assert len(x) == 18 and x == sorted(set(x))


def test_cal_train_time_finds_as_many_times_in_each_epoch(lines) -> None:
    times = np.array([values['time'][1:] for values in by_epoch(lines).values()])
    assert times.shape == (6, 1)
    assert times.mean(-1).argmax() < 6


def test_epochs_that_follow_the_unlabeled_set_have_as_many_times(tiny_data, tmp_path) -> None:
    unlabeled = [dict(SCHEDULE[0], epochs=1), dict(SCHEDULE[1], epoch_length='unlabeled')]
    settings = dict(cycles=[0], schedule=unlabeled, log_config__hooks=HOOKS, X_L_repeat=2)
    run = tiny_train(tiny_data, tmp_path, **settings)
    (path,) = run.glob('*.log.json')
    epochs = by_epoch([json.loads(line) for line in path.read_text().splitlines()])
    assert [len(values['loss']) for values in epochs.values()] == [4, 2]
    times = np.array([values['time'] for values in epochs.values()])
    assert times.shape == (2, 4)
    assert times[1, 2] == times[1, 3] == pytest.approx(times[1, :2].mean(), abs=1e-4)
    assert [len(values['iter']) for values in epochs.values()] == [4, 3]  # and the evaluation


def test_without_validation_there_is_no_map(tiny_data, tmp_path) -> None:
    run = tiny_train(tiny_data, tmp_path, cycles=[0], schedule=SCHEDULE[:1], evaluation=None)
    assert json.loads((run / 'metrics.json').read_text())[0]['mAP'] is None
    assert '"val"' not in next(run.glob('*.log.json')).read_text()
