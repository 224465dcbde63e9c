"""How far a grid is."""

import pytest

from mmdet_miaod.experiments import grid_progress
from mmdet_miaod.experiments.grid import GridRun
from mmdet_miaod.experiments.grid_progress import GridProgress

RUNS = [GridRun('random', 'one', seed) for seed in range(10)]


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    hands = [0.0]
    monkeypatch.setattr(grid_progress.time, 'monotonic', lambda: hands[0])
    return hands


def test_the_time_left_is_that_of_the_runs_so_far_on_all_devices(clock) -> None:
    progress = GridProgress(total=8, ended=2, devices=2)
    progress.begin(RUNS[0])
    clock[0] = 40
    progress.begin(RUNS[1])
    clock[0] = 100
    # 4 runs of 100 s wait, one has 40 s to go: 440 s on two devices.
    assert progress.end(RUNS[0]) == '3 of 8 runs, about 0:03:40 left'


def test_the_last_run_is_alone_on_its_device(clock) -> None:
    progress = GridProgress(total=2, ended=0, devices=4)
    progress.begin(RUNS[0])
    progress.begin(RUNS[1])
    clock[0] = 30
    assert progress.end(RUNS[0]) == '1 of 2 runs, about 0:00:00 left'
    clock[0] = 40
    assert progress.end(RUNS[1]) == '2 of 2 runs'
