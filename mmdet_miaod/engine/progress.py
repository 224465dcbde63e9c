"""Live lines of a run: of stages, evaluations and scorings, with the time left for the whole run."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import AbstractContextManager

from mmcv.runner import Hook

from .live_bar import LiveLine, can_show, is_wide, live_bar
from .runner import AlternatingEpochRunner
from .stage import Stage


def stage_steps(stage: Stage, labeled: int, unlabeled: int) -> int:
    """Number of optimizer steps of a stage.

    Args:
        stage: the stage.
        labeled: batches per pass over the labeled loader.
        unlabeled: batches per pass over the unlabeled loader.
    """
    length = {'labeled': labeled, 'unlabeled': unlabeled}[stage.epoch_length]
    return stage.epochs * length * len(stage.tags)


class RunClock:
    """Estimates the time left for all cycles from the optimizer steps that this process has taken.

    Args:
        total_steps: optimizer steps of the whole run.
        done_steps: steps that were taken before this run was resumed.
    """

    def __init__(self, total_steps: int, done_steps: int = 0) -> None:
        self._total = total_steps
        self._done = done_steps
        self._at_start = done_steps
        self._started = time.monotonic()

    @classmethod
    def of_cycles(cls, steps: Mapping[int, int], trained: Container[int]) -> RunClock:
        """Make the clock of a run.

        Args:
            steps: optimizer steps by cycle.
            trained: the cycles that an earlier sitting trained.
        """
        return cls(sum(steps.values()), sum(count for cycle, count in steps.items() if cycle in trained))

    def advance(self, steps: int) -> None:
        """Count optimizer steps."""
        self._done += steps

    def time_left(self) -> str:
        """Estimate as hours:minutes:seconds, ``'?'`` before the first step."""
        here = self._done - self._at_start
        if here == 0:
            return '?'
        seconds = (time.monotonic() - self._started) / here * max(self._total - self._done, 0)
        return str(datetime.timedelta(seconds=int(seconds)))


class ProgressHook(Hook):
    """Shows the progress of the current stage on a terminal.

    Args:
        clock: estimates the time left for the run, which is also logged as ``eta_run``.
        show: whether to draw the line, where there is a terminal.
        cycles: of the run.
    """

    def __init__(self, clock: RunClock, show: bool = True, cycles: Sequence[int] = ()) -> None:
        self._clock = clock
        self._show = show
        self._cycles = cycles
        self._line: LiveLine | None = None

    def before_run(self, runner: AlternatingEpochRunner) -> None:
        """Begin the stage's line."""
        if self._show and can_show():
            description = _description(runner.labels['cycle'], runner.labels['stage'], self._cycles)
            self._line = LiveLine(
                description, runner.max_iters, unit='it', done=runner.iter, run_left=self._clock.time_left
            )

    def after_train_iter(self, runner: AlternatingEpochRunner) -> None:
        """Count the iteration's steps, show the loss and log the time left."""
        self._clock.advance(len(runner.stage.tags))
        runner.labels['eta_run'] = self._clock.time_left()
        if self._line is not None:
            losses = runner.log_buffer.val_history.get('loss')
            self._line.advance(1, losses[-1] if losses else None)

    def after_run(self, runner: AlternatingEpochRunner) -> None:
        """End the line."""
        self.close()

    def close(self) -> None:
        """Release the terminal."""
        if self._line is not None:
            self._line.close()
            self._line = None


class RunProgress:
    """Live lines of a run, one after another.

    Args:
        clock: estimates the time left for the run.
        show: whether to draw lines, where there is a terminal.
        cycles: of the run, for "2 of 7".
    """

    def __init__(self, clock: RunClock, show: bool = True, cycles: Sequence[int] = ()) -> None:
        self._clock = clock
        self._show = show
        self._cycles = cycles
        self._hook: ProgressHook | None = None

    def stage_hook(self) -> ProgressHook:
        """Make the hook that shows the next stage."""
        self._hook = ProgressHook(self._clock, self._show, self._cycles)
        return self._hook

    def images(self, cycle: int, work: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show a :func:`~mmdet_miaod.engine.live_bar.live_bar` of images."""
        description = _description(cycle, work, self._cycles)
        return live_bar(description, total, self._show, self._clock.time_left)

    def close(self) -> None:
        """Release the terminal of a run that was stopped within a stage."""
        if self._hook is not None:
            self._hook.close()


def _description(cycle: int, work: str, cycles: Sequence[int]) -> str:
    """Name a piece of work, with the cycle's place in the run where the terminal has room for it."""
    if cycle not in cycles or not is_wide():
        return f'cycle {cycle} {work}'
    return f'cycle {cycle} ({list(cycles).index(cycle) + 1} of {len(cycles)}) {work}'


def run_steps(
    schedule: Sequence[Stage], set_sizes: Sequence[int], repeats: tuple[int, int], batch_size: int
) -> list[int]:
    """Approximate number of optimizer steps of each cycle.

    Args:
        schedule: the stages of a cycle.
        set_sizes: number of labeled images per cycle; X_U is as large.
        repeats: ``X_L_repeat`` and ``X_U_repeat``.
        batch_size: images per batch, of all processes together.
    """
    return [
        sum(
            stage_steps(stage, -(-size * repeats[0] // batch_size), -(-size * repeats[1] // batch_size))
            for stage in schedule
        )
        for size in set_sizes
    ]
