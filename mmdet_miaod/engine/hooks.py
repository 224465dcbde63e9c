"""Hooks of the alternating runner: the end of an epoch, and MMCV's loggers over the stages of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmcv.runner import HOOKS, Hook
from mmcv.runner.dist_utils import master_only
from mmcv.runner.hooks import LoggerHook, TensorboardLoggerHook, TextLoggerHook

from .runner import AlternatingEpochRunner

# MMCV's loggers begin to count anew in each stage: in a run these take their places.
_OF_A_RUN = dict(TextLoggerHook='RunTextLoggerHook', TensorboardLoggerHook='RunTensorboardLoggerHook')


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


@HOOKS.register_module()
class RunTextLoggerHook(TextLoggerHook):
    """MMCV's text log with epochs that count over the run, as MMDetection's log analysis needs them.

    In the JSON file ``iter`` counts over the run too, beside ``epoch_iter``, ``stage_epoch`` and
    ``stage_number``. An epoch has ``time`` in as many lines as the first epoch of the file: the
    ``cal_train_time`` of ``analyze_logs.py`` needs as many in each, but epochs grow with the labeled set.
    Arguments are those of MMCV's hook.
    """

    def before_run(self, runner: AlternatingEpochRunner) -> None:
        """Write the stage's line."""
        super().before_run(runner)
        self._timed = _lines_of_first_epoch(Path(self.json_log_path))
        self._lines = 0

    def before_epoch(self, runner: AlternatingEpochRunner) -> None:
        """Begin to count the epoch's lines."""
        super().before_epoch(runner)
        self._lines = 0

    def get_epoch(self, runner: AlternatingEpochRunner) -> int:
        """Return the epoch's number in the run, from 1."""
        return (runner.meta or {}).get('first_epoch', 0) + super().get_epoch(runner)

    def _dump_log(self, log_dict: Mapping[str, Any], runner: AlternatingEpochRunner) -> None:
        line = dict(log_dict)
        if 'mode' in line:
            meta = runner.meta or {}
            self._lines += 1
            if self._timed and self._lines > self._timed:
                line.pop('time', None)
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


@HOOKS.register_module()
class RunTensorboardLoggerHook(TensorboardLoggerHook):
    """MMCV's TensorBoard hook with one file per run, whose x axis counts the iterations of the run.

    The event files go to ``tf_logs`` in the run directory; arguments are those of MMCV's hook.

    Raises:
        ImportError: at the start of training, when TensorBoard is not installed.
    """

    @master_only
    def before_run(self, runner: AlternatingEpochRunner) -> None:
        """Take the run's writer, or make it."""
        if runner.run_log is None or runner.run_log.writer is None:
            super().before_run(runner)
        else:
            LoggerHook.before_run(self, runner)
            self.writer = runner.run_log.writer
        if runner.run_log is not None:
            runner.run_log.writer = self.writer

    @master_only
    def log(self, runner: AlternatingEpochRunner) -> None:
        """Write losses and learning rate at the run's iteration."""
        iteration = (runner.meta or {}).get('first_iteration', 0) + self.get_iter(runner)
        for tag, value in self.get_loggable_tags(runner, add_mode=False).items():
            self.writer.add_scalar(tag, value, iteration)

    @master_only
    def after_run(self, runner: AlternatingEpochRunner) -> None:
        """Write what is buffered; the run closes the file."""
        if runner.run_log is None:
            self.writer.close()
        else:
            self.writer.flush()


def run_log_config(log_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return MMDetection's ``log_config`` with loggers that count over the stages of a run."""
    config = deepcopy(dict(log_config))
    config['hooks'] = [
        dict(hook, type=_OF_A_RUN.get(hook['type'], hook['type'])) for hook in config.get('hooks') or ()
    ]
    return config
