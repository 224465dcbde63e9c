"""Counting steps, and the time that is left."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from mmdet_miaod.engine import progress
from mmdet_miaod.engine.progress import RunClock, run_steps, stage_steps, stage_weight
from mmdet_miaod.engine.stage import Stage, build_schedule


def test_a_published_cycle_takes_17_steps_an_image() -> None:
    schedule = build_schedule('miaod', [3, 1], 2, [2])
    assert run_steps(schedule, [828, 1240], (2, 2), 2) == [17 * 828, 17 * 1240]


def test_steps_of_a_stage() -> None:
    both = Stage('s', 3, unlabeled_losses=('loss_dis',))
    assert stage_steps(both, labeled=5, unlabeled=7) == 30
    assert stage_steps(Stage('s', 3), labeled=5, unlabeled=7) == 15
    by_unlabeled = Stage('s', 3, unlabeled_losses=('loss_dis',), epoch_length='unlabeled')
    assert stage_steps(by_unlabeled, labeled=5, unlabeled=7) == 42


def test_a_last_batch_that_is_not_full_counts() -> None:
    assert run_steps([Stage('s')], [3], (1, 1), 2) == [2]


@pytest.fixture
def clock_hands(monkeypatch) -> list[float]:
    hands = [100.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: hands[0])
    return hands


def test_time_left_is_estimated_from_what_is_done(clock_hands) -> None:
    clock = RunClock(dict(label=50))
    assert clock.time_left() == '?'
    clock_hands[0] += 20
    clock.advance('label', 10)
    assert clock.time_left() == '0:01:20'  # 40 steps of 2 seconds


def test_a_kind_of_work_takes_its_weight_until_it_is_measured(clock_hands) -> None:
    clock = RunClock(dict(label=10, maximize=100, scoring=50), dict(maximize=0.5, scoring=0.2))
    clock_hands[0] += 20
    clock.advance('label', 10)
    assert clock.time_left() == '0:02:00'  # 100 of 1 s, 50 of 0.4 s
    clock_hands[0] += 15
    clock.advance('maximize', 5)
    # Of maximize 5 are measured (3 s) and 5 guessed: a unit is now 35 s / 12.5 = 2.8 s.
    assert clock.time_left() == '0:03:57'  # 95 * (15 + 5 * 1.4) / 10 + 50 * 0.56


def test_after_the_first_stage_the_estimate_is_within_a_fifth(clock_hands) -> None:
    # Steps, images and seconds of a run of four cycles on BCCD (docs/results/bccd_grid.json).
    records = Path(__file__).parents[2] / 'docs' / 'results' / 'bccd_grid.json'
    runs = json.loads(records.read_text(encoding='utf-8'))['runs']
    schedule = build_schedule('miaod', [3, 1], 2, [2])
    checked = 0
    for name, run in runs.items():
        seconds = [entry['seconds'] for entry in run['metrics']]
        if not (run['finished'] and name.endswith('miaod-seed1') and 'label' in seconds[0]):
            continue
        work, taken = Counter(), Counter()
        for entry, parts in zip(run['metrics'], seconds, strict=True):
            for stage in schedule:
                work[stage.name] += stage_steps(stage, 2 * entry['labeled'], 2 * entry['labeled'])
            work['evaluation'] += 72
            work['scoring'] += 292 - entry['labeled'] if 'score' in parts else 0
            for part, value in parts.items():
                taken[dict(evaluate='evaluation', score='scoring').get(part, part)] += value
        first = stage_steps(schedule[0], 60, 60)
        weights = {stage.name: stage_weight(stage) for stage in schedule}
        clock = RunClock(work, {**weights, 'evaluation': 0.2, 'scoring': 0.2})
        began = (
            seconds[0]['label']
            * first
            / sum(stage_steps(stage, 60, 60) for stage in schedule if stage.name == 'label')
        )
        clock_hands[0] += began
        clock.advance('label', first)
        hours, minutes, rest = map(int, clock.time_left().split(':'))
        assert 3600 * hours + 60 * minutes + rest == pytest.approx(sum(taken.values()) - began, rel=0.2), name
        checked += 1
    assert checked


def test_more_steps_than_expected_leave_no_time(clock_hands) -> None:
    clock = RunClock(dict(label=1))
    clock_hands[0] += 5
    clock.advance('label', 3)
    assert clock.time_left() == '0:00:00'
