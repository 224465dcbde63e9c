"""Live lines of a run: of stages, evaluations and scorings, with the time left for the whole run."""

import datetime
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

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


def stage_weight(stage: Stage) -> float:
    """Seconds of an optimizer step of a stage, relative to a step on labeled batches alone.

    Measured on BCCD on a CPU; steps that train the classifiers alone need no gradients of the backbone.
    """
    if all(pattern.startswith('bbox_head.') for pattern in stage.train):
        return 0.45
    return 1.0 if stage.is_label_set_training else 0.9


class RunClock:
    """Estimates the time left for a run from the work that is left and what its kinds have taken so far.

    Args:
        work: amount of work left by kind: optimizer steps by stage, images of evaluations and scorings.
        weights: seconds per unit of each kind, relative to each other, until measured; 1 by default.
    """

    # A kind counts as measured bit by bit: its first units warm up.
    _GUESSED = 5

    def __init__(self, work: Mapping[str, float], weights: Mapping[str, float] | None = None) -> None:
        self._left = dict(work)
        self._weights = weights or {}
        self._done: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()
        self._last = time.monotonic()

    def advance(self, kind: str, count: int) -> None:
        """Count work that is done; it took the time since the last call."""
        now = time.monotonic()
        self._seconds[kind] += now - self._last
        self._last = now
        self._done[kind] += count
        self._left[kind] = max(self._left.get(kind, 0) - count, 0)

    def time_left(self) -> str:
        """Estimate as hours:minutes:seconds, ``'?'`` before anything is done."""
        weighed = sum(self._weights.get(kind, 1) * count for kind, count in self._done.items())
        if not weighed:
            return '?'
        unit = sum(self._seconds.values()) / weighed
        seconds = sum(count * self._rate(kind, unit) for kind, count in self._left.items())
        return str(datetime.timedelta(seconds=round(seconds)))

    def _rate(self, kind: str, unit: float) -> float:
        """Seconds per unit of a kind: as measured and, as far as it is not, as guessed from the others."""
        guessed = self._GUESSED * self._weights.get(kind, 1) * unit
        return (self._seconds[kind] + guessed) / (self._done[kind] + self._GUESSED)


class RunProgress(Hook):
    """Live lines of a run, one after another: of its stages, whose hook this is, and of images.

    Args:
        clock: estimates the time left for the run, which stages also log as ``eta_run``.
        show: whether to draw lines, where there is a terminal.
        cycles: of the run, for "2 of 7".
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
        self._clock.advance(runner.stage.name, len(runner.stage.tags))
        runner.labels['eta_run'] = self._clock.time_left()
        if self._line is not None:
            losses = runner.log_buffer.val_history.get('loss')
            self._line.advance(1, losses[-1] if losses else None)

    def after_run(self, runner: AlternatingEpochRunner) -> None:
        """End the stage's line."""
        del self.priority  # a hook that has one cannot be registered again
        self.close()

    @contextmanager
    def images(self, cycle: int, work: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a :func:`~mmdet_miaod.engine.live_bar.live_bar` of images, and count them on the clock.

        Yields:
            A function to call with the number of images newly done.
        """
        description = _description(cycle, work, self._cycles)
        with live_bar(description, total, self._show, self._clock.time_left) as advance:

            def count(images: int) -> None:
                self._clock.advance(work, images)
                advance(images)

            yield count

    def close(self) -> None:
        """Release the terminal."""
        if self._line is not None:
            self._line.close()
            self._line = None


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
