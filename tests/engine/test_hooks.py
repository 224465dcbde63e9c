"""TensorBoard by one config line: curves that go on from stage to stage and over a resume."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from tests.tiny_run import stopped_after, tiny_train

HOOKS = [dict(type='TextLoggerHook', ignore_last=False), dict(type='RunTensorboardLoggerHook')]
SCHEDULE = [
    dict(name='label', epochs=2),
    dict(name='minimize', unlabeled_losses=['loss_dis', 'loss_mil_pseudo'], freeze=['bbox_head.f_[12]_*']),
]
SETTINGS = dict(schedule=SCHEDULE, log_config__hooks=HOOKS)
# 4 labeled images in batches of 2 in the first cycle, 7 in the second: 3 epochs a cycle.
LABEL = [1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13, 14]
MINIMIZE = [5, 6, 15, 16, 17, 18]


@pytest.fixture
def written(monkeypatch) -> dict[str, list]:
    """What a writer in the place of TensorBoard's gets: iterations by tag; and the writers ``opened``."""
    written: dict[str, list] = {}
    opened: list[str] = written.setdefault('opened', [])

    class SummaryWriter:
        def __init__(self, log_dir: str) -> None:
            opened.append(log_dir)
            assert log_dir.endswith('run/tf_logs')

        def add_scalar(self, tag: str, value: float, iteration: int) -> None:
            assert isinstance(value, (int, float))
            written.setdefault(tag, []).append(iteration)

        def flush(self) -> None:
            pass

        def close(self) -> None:
            opened[-1] = 'closed'

    module = ModuleType('torch.utils.tensorboard')
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', module)
    return written


def test_iterations_are_counted_over_the_run(tiny_data, tmp_path, written) -> None:
    tiny_train(tiny_data, tmp_path, **SETTINGS)
    assert written['loss'] == written['learning_rate'] == sorted(LABEL + MINIMIZE)
    assert written['loss_dis'] == written['loss_unlabeled'] == MINIMIZE
    assert 'stage' not in written
    assert written['val/mAP'] == [6, 18]
    assert written['opened'] == ['closed']


def test_a_resumed_run_goes_on_counting(tiny_data, tmp_path, written) -> None:
    with stopped_after(lambda s: (s.kind, s.cycle, s.number, s.epoch) == ('epoch', 1, 0, 1)):
        tiny_train(tiny_data, tmp_path, **SETTINGS)
    assert written['loss'] == list(range(1, 11))
    tiny_train(tiny_data, tmp_path, options=dict(resume=str(tmp_path / 'run')), **SETTINGS)
    assert written['loss'] == list(range(1, 19))


def test_tensorboard_reads_the_curves(tiny_data, tmp_path) -> None:
    pytest.importorskip('tensorboard', reason='TensorBoard is not installed (requirements/optional.txt)')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tiny_train(tiny_data, tmp_path, cycles=[0], **SETTINGS)
    steps = []
    for path in (run / 'tf_logs').iterdir():
        events = EventAccumulator(str(path))
        events.Reload()
        steps += [event.step for event in events.Scalars('loss')]
    assert sorted(steps) == [1, 2, 3, 4, 5, 6]
