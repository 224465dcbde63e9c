"""MMCV's loggers by one config line: curves that go on from stage to stage and over a resume."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from tests.tiny_run import stopped_after, tiny_train

TEXT = dict(type='TextLoggerHook', ignore_last=False)
HOOKS = [TEXT, dict(type='TensorboardLoggerHook')]
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
    assert written['train/loss'] == written['learning_rate'] == sorted(LABEL + MINIMIZE)
    assert written['train/loss_dis'] == written['train/loss_unlabeled'] == MINIMIZE
    assert 'train/stage' not in written
    assert written['val/mAP'] == [6, 18]
    assert written['opened'] == ['closed']


def test_a_resumed_run_goes_on_counting(tiny_data, tmp_path, written) -> None:
    with stopped_after(lambda s: (s.kind, s.cycle, s.number, s.epoch) == ('epoch', 1, 0, 1)):
        tiny_train(tiny_data, tmp_path, **SETTINGS)
    assert written['train/loss'] == list(range(1, 11))
    tiny_train(tiny_data, tmp_path, options=dict(resume=str(tmp_path / 'run')), **SETTINGS)
    assert written['train/loss'] == list(range(1, 19))


def test_tensorboard_reads_the_curves(tiny_data, tmp_path) -> None:
    pytest.importorskip('tensorboard', reason='TensorBoard is not installed (requirements/optional.txt)')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tiny_train(tiny_data, tmp_path, cycles=[0], **SETTINGS)
    steps = []
    for path in (run / 'tf_logs').iterdir():
        events = EventAccumulator(str(path))
        events.Reload()
        steps += [event.step for event in events.Scalars('train/loss')]
    assert sorted(steps) == [1, 2, 3, 4, 5, 6]


class Wandb(ModuleType):
    """In the place of W&B: keeps what it is told, in order."""

    def __init__(self) -> None:
        super().__init__('wandb')
        self.told: list[tuple] = []

    def init(self, **options) -> None:
        self.told.append(('init', options))

    def log(self, tags: dict, step: int, commit: bool) -> None:
        assert not any(isinstance(value, str) for value in tags.values())
        self.told.append((step, 'val/mAP' in tags, commit))

    def Artifact(self, name: str, type: str) -> SimpleNamespace:
        return SimpleNamespace(add_file=lambda path: None)

    def log_artifact(self, artifact: SimpleNamespace) -> None:
        self.told.append(('artifact',))

    def join(self) -> None:
        self.told.append(('end',))


@pytest.fixture
def wandb(monkeypatch) -> Wandb:
    """A module that is imported in the place of W&B's."""
    module = Wandb()
    monkeypatch.setitem(sys.modules, 'wandb', module)
    return module


def test_weights_and_biases_gets_one_run_of_growing_steps(tiny_data, tmp_path, wandb) -> None:
    settings = dict(schedule=SCHEDULE, log_config__hooks=[TEXT, dict(type='WandbLoggerHook')])
    with stopped_after(lambda s: (s.kind, s.cycle, s.number, s.epoch) == ('epoch', 1, 0, 1)):
        tiny_train(tiny_data, tmp_path, **settings)
    first, wandb.told = wandb.told, []
    tiny_train(tiny_data, tmp_path, options=dict(resume=str(tmp_path / 'run')), **settings)
    names = first[0][1]
    assert names['name'] == 'run' and names['resume'] == 'allow'
    assert names['id'].startswith('run-20')
    train = [(step, False, True) for step in range(1, 19)]
    end = [('artifact',), ('end',)]
    # A step that is not committed takes the next one's values too.
    assert first == [('init', names), *train[:6], (7, True, False), *train[6:10], *end]
    assert wandb.told == [('init', names), *train[10:], (19, True, False), *end]


def test_an_evaluation_is_logged_where_nothing_is_trained_any_more(tiny_data, tmp_path, written) -> None:
    with stopped_after(lambda s: (s.kind, s.cycle) == ('model', 0)):
        tiny_train(tiny_data, tmp_path, cycles=[0], **SETTINGS)
    assert 'val/mAP' not in written
    tiny_train(tiny_data, tmp_path, options=dict(resume=str(tmp_path / 'run')), cycles=[0], **SETTINGS)
    assert written['val/mAP'] == [6]
    assert written['opened'][-1] == 'closed'


def test_a_logger_that_needs_other_hooks_is_refused(tiny_data, tmp_path, wandb) -> None:
    with pytest.raises(ValueError, match='WandbLoggerHook logs losses and mAP'):
        tiny_train(tiny_data, tmp_path, log_config__hooks=[dict(type='MMDetWandbHook')])
    assert wandb.told == []
