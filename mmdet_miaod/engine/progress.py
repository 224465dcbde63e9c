"""One live line a stage, with loss, speed and the time left for the stage and for the whole run."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence

from mmcv.runner import Hook
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .runner import AlternatingEpochRunner
from .stage import Stage


def stage_steps(stage: Stage, labeled: int, unlabeled: int) -> int:
    """Return the optimizer steps of a stage.

    Args:
        stage: the stage.
        labeled: batches of a pass over the labeled loader.
        unlabeled: batches of a pass over the unlabeled loader.
    """
    length = {'labeled': labeled, 'unlabeled': unlabeled}[stage.epoch_length]
    return stage.epochs * length * len(stage.tags)


class RunClock:
    """Estimates the time left for all cycles from the optimizer steps done in this sitting.

    Args:
        total_steps: optimizer steps of the whole run.
        done_steps: those of them that an earlier sitting did.
    """

    def __init__(self, total_steps: int, done_steps: int = 0) -> None:
        self._total = total_steps
        self._done = done_steps
        self._at_start = done_steps
        self._started = time.monotonic()

    def advance(self, steps: int) -> None:
        """Count optimizer steps."""
        self._done += steps

    def time_left(self) -> str:
        """Return the estimate as hours:minutes:seconds, ``'?'`` before the first step."""
        here = self._done - self._at_start
        if here == 0:
            return '?'
        seconds = (time.monotonic() - self._started) / here * max(self._total - self._done, 0)
        return str(datetime.timedelta(seconds=int(seconds)))


class ProgressHook(Hook):
    """Shows the progress of the current stage on a terminal; elsewhere the log tells.

    Args:
        clock: knows the time left for the run; its estimate is also logged as ``eta_run``.
        show: whether to draw the bar, when there is a terminal to draw it on.
    """

    def __init__(self, clock: RunClock, show: bool = True) -> None:
        self._clock = clock
        self._console = Console(stderr=True)
        self._show = show and self._console.is_terminal
        self._progress: Progress | None = None

    def before_run(self, runner: AlternatingEpochRunner) -> None:
        if not self._show:
            return
        self._progress = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn('loss {task.fields[loss]}'),
            TextColumn('{task.fields[speed]} it/s'),
            TextColumn('stage'),
            TimeRemainingColumn(),
            TextColumn('run {task.fields[run_left]}'),
            console=self._console,
            transient=True,
        )
        labels = runner.labels
        self._task = self._progress.add_task(
            f'cycle {labels["cycle"]} {labels["stage"]}',
            total=runner.max_iters,
            completed=runner.iter,
            loss='?',
            speed='?',
            run_left='?',
        )
        self._started, self._first = time.monotonic(), runner.iter
        self._progress.start()

    def after_train_iter(self, runner: AlternatingEpochRunner) -> None:
        self._clock.advance(len(runner.stage.tags))
        runner.labels['eta_run'] = self._clock.time_left()
        if self._progress is None:
            return
        done = runner.iter + 1 - self._first
        losses = runner.log_buffer.val_history.get('loss')
        self._progress.update(
            self._task,
            completed=runner.iter + 1,
            loss=f'{losses[-1]:.3f}' if losses else '?',
            speed=f'{done / (time.monotonic() - self._started):.2f}',
            run_left=self._clock.time_left(),
        )

    def after_run(self, runner: AlternatingEpochRunner) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def run_steps(
    schedule: Sequence[Stage], set_sizes: Sequence[int], repeats: tuple[int, int], batch_size: int
) -> list[int]:
    """Return about how many optimizer steps each cycle takes.

    Args:
        schedule: the stages of a cycle.
        set_sizes: number of labeled images in each cycle; X_U is as large.
        repeats: ``X_L_repeat`` and ``X_U_repeat``.
        batch_size: images in a batch of all processes together.
    """
    return [
        sum(
            stage_steps(stage, -(-size * repeats[0] // batch_size), -(-size * repeats[1] // batch_size))
            for stage in schedule
        )
        for size in set_sizes
    ]
