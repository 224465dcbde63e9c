"""The stopwatch."""

import time

import torch

from mmdet_miaod.stopwatch import stopwatch


def test_it_measures_the_wall_and_the_cores() -> None:
    with stopwatch(torch.device('cpu')) as slept:
        time.sleep(0.05)
    assert 0.05 <= slept.wall < 5
    assert 0 <= slept.cpu < slept.wall
    end = time.process_time() + 0.02
    with stopwatch() as worked:
        while time.process_time() < end:
            pass
    assert 0.01 <= worked.cpu < 5
