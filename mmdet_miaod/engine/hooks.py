"""Hooks of the alternating runner: the end of an epoch, and MMCV's loggers over the stages of a run."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from mmcv.runner import HOOKS, Hook
from mmcv.runner.hooks import LoggerHook, TextLoggerHook, WandbLoggerHook
from mmcv.utils import build_from_cfg

from ..run.own_paths import own_path
from .runner import AlternatingEpochRunner

# Where these loggers write in a run directory.
_FOLDERS = ('tf_logs', 'wandb')


class EpochEndHook(Hook):
    """Calls a function with the runner after each epoch's training.

    Args:
        action: the function.
    """

    def __init__(self, action: Callable[[AlternatingEpochRunner], None]) -> None:
        self._action = action

    def after_train_epoch(self, runner: AlternatingEpochRunner) -> None:
        """Call the function."""
        self._action(runner)


class TextOfARun:
    """Makes MMCV's text logger write epochs of the run, as MMDetection's log analysis needs them.

    In the JSON file ``iter`` counts over the run too, beside ``epoch_iter``, ``stage_epoch`` and
    ``stage_number``. An epoch has ``time`` as often as the first epoch of the file, which the
    ``cal_train_time`` of ``analyze_logs.py`` needs: in the first lines of a longer epoch; a shorter one ends
    with lines of its mean.
    Arguments are those of MMCV's hook.
    """

    def before_run(self, runner: AlternatingEpochRunner) -> None:
        """Write the stage's line."""
        super().before_run(runner)
        self._timed = _lines_of_first_epoch(Path(self.json_log_path))
        self._times: list[float] = []

    def before_epoch(self, runner: AlternatingEpochRunner) -> None:
        """Begin to collect the epoch's times."""
        super().before_epoch(runner)
        self._times = []

    def after_train_epoch(self, runner: AlternatingEpochRunner) -> None:
        """Write the mean time as often as the epoch has fewer lines than the first one."""
        super().after_train_epoch(runner)
        for _ in range(self._timed - len(self._times) if self._times else 0):
            super()._dump_log(dict(epoch=self.get_epoch(runner), time=fmean(self._times)), runner)

    def get_epoch(self, runner: AlternatingEpochRunner) -> int:
        """Return the epoch's number in the run, from 1."""
        return (runner.meta or {}).get('first_epoch', 0) + super().get_epoch(runner)

    def _dump_log(self, log_dict: Mapping[str, Any], runner: AlternatingEpochRunner) -> None:
        line = dict(log_dict)
        if 'mode' in line:
            meta = runner.meta or {}
            if self._timed and len(self._times) >= self._timed:
                line.pop('time', None)
            elif 'time' in line:
                self._times.append(line['time'])
            line['epoch_iter'] = line['iter']
            line['iter'] = meta.get('first_iteration', 0) + runner.iter + 1
            line['stage_number'] = meta.get('stage_number', 0)
            line['stage_epoch'] = runner.epoch + 1
        super()._dump_log(line, runner)


def _lines_of_first_epoch(path: Path) -> int:
    """Count the training lines of the first epoch of a loss log; 0: there is none yet."""
    count, first = 0, None
    with open(path, encoding='utf-8') as lines:
        for line in map(json.loads, lines):
            if line.get('mode') == 'train':
                first = line['epoch'] if first is None else first
                if line['epoch'] != first:
                    break
                count += 1
    return count


class LoggerOfARun:
    """Makes one of MMCV's loggers (TensorBoard, W&B, ...) log a whole run, by the iterations of the run.

    The first stage begins it and the run ends it; stages without a run's log do both.

    Attributes:
        runner: that it was told of last; None before it began.
    """

    runner: Any = None

    def before_run(self, runner: AlternatingEpochRunner) -> None:
        """Begin with the first stage."""
        if self.runner is None:
            for name in _FOLDERS:
                own_path(runner.work_dir, name)
            super().before_run(runner)
        else:
            LoggerHook.before_run(self, runner)
        self.runner = runner

    def after_run(self, runner: AlternatingEpochRunner) -> None:
        """Go on to the next stage, if there can be one."""
        del self.priority  # a hook that has one cannot be registered again
        if runner.run_log is None:
            self.end()

    def end(self) -> None:
        """End the log, if it began."""
        if self.runner is not None:
            super().after_run(self.runner)

    def get_iter(self, runner: AlternatingEpochRunner, inner_iter: bool = False) -> int:
        """Return the iteration's number in the run, from 1."""
        return (runner.meta or {}).get('first_iteration', 0) + super().get_iter(runner, inner_iter)

    def get_loggable_tags(self, runner: AlternatingEpochRunner, **options: Any) -> dict[str, Any]:
        """Return what is logged; the stage's name and the time left are no curves."""
        return super().get_loggable_tags(runner, **{**options, 'allow_text': False})


class WandbOfARun(LoggerOfARun):
    """Makes W&B's logger log a run, also a resumed one, under one id."""

    def before_run(self, runner: AlternatingEpochRunner) -> None:
        """Name the W&B run by the run directory and the time of its first log."""
        first = min(Path(runner.work_dir).glob('*.log.json'), default=Path())
        name = Path(runner.work_dir).name
        unique = re.sub(r'[^\w.-]', '-', f'{name}-{first.name.split(".")[0]}')
        self.init_kwargs = dict(name=name, id=unique, resume='allow') | (self.init_kwargs or {})
        super().before_run(runner)

    def log(self, runner: AlternatingEpochRunner) -> None:
        """Log losses, or an evaluation: W&B takes no step twice, and adds to one that is not committed."""
        if runner.mode == 'val':
            tags = self.get_loggable_tags(runner)
            self.wandb.log(tags, step=self.get_iter(runner) + 1, commit=False)
        else:
            super().log(runner)


def build_loggers(log_config: Mapping[str, Any], *, text: bool) -> list[LoggerHook]:
    """Build loggers of MMDetection's ``log_config`` that count over the stages of a run.

    Args:
        log_config: as in MMDetection.
        text: build the text loggers, of which each stage has its own, or the others.

    Raises:
        KeyError, TypeError: a logger is not known, or its arguments are not.
        ImportError: what a logger needs is not installed.
        ValueError: for MMDetWandbHook.
    """
    loggers = []
    for config in log_config.get('hooks') or ():
        kind = HOOKS.get(config['type']) if isinstance(config['type'], str) else config['type']
        if kind is None:
            raise KeyError(f'{config["type"]} is not in the hook registry')
        if kind.__name__ == 'MMDetWandbHook':
            raise ValueError(
                'log_config.hooks: MMDetWandbHook needs hooks of MMDetection that save and evaluate, which '
                'stages do not have; WandbLoggerHook logs losses and mAP'
            )
        if issubclass(kind, TextLoggerHook) == text:
            base = TextOfARun if text else LoggerOfARun
            base = WandbOfARun if issubclass(kind, WandbLoggerHook) else base
            of_a_run = type(kind.__name__, (base, kind), {})
            default = dict(interval=log_config['interval'])
            loggers.append(build_from_cfg(dict(config, type=of_a_run), HOOKS, default))
    return loggers
