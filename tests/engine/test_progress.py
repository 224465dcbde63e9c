"""Counting steps, and the time that is left."""

from __future__ import annotations

import pytest

from mmdet_miaod.engine import progress
from mmdet_miaod.engine.progress import RunClock, run_steps, stage_steps
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


def test_time_left_is_estimated_from_the_steps_of_this_sitting(clock_hands) -> None:
    clock = RunClock(total_steps=100, done_steps=50)
    assert clock.time_left() == '?'
    clock.advance(10)
    clock_hands[0] += 20
    assert clock.time_left() == '0:01:20'  # 40 steps of 2 seconds


def test_more_steps_than_expected_leave_no_time(clock_hands) -> None:
    clock = RunClock(total_steps=1)
    clock.advance(3)
    clock_hands[0] += 5
    assert clock.time_left() == '0:00:00'
