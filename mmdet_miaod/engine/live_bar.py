"""A live line per piece of work, on a terminal: how much is done, how fast, and the time left."""

import datetime
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from .. import distributed

# Loggers whose messages go to the terminal.
_LOGGERS = ('', 'mmdet')
_WIDE = 100  # columns of a terminal that has room for a bar


class _StatusColumn(ProgressColumn):
    """Loss, speed and time left; at the end the time that it took."""

    def __init__(self, unit: str, run_left: Callable[[], str] | None) -> None:
        super().__init__(Column(no_wrap=True))
        self._unit = unit
        self._run_left = run_left

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        seconds, word = (task.finished_time, 'took') if task.finished else (task.time_remaining, 'left')
        time = '-:--:--' if seconds is None else datetime.timedelta(seconds=int(seconds))
        parts = [f'{f"{speed:.1f}" if speed else "?"} {self._unit}/s', f'{word} {time}']
        if task.fields['loss'] is not None:
            parts.insert(0, f'loss {task.fields["loss"]:.3f}')
        if self._run_left is not None:
            parts.append(f'(run {self._run_left()})')
        return Text(' '.join(parts))


class LiveLine:
    """A line on stderr that changes as the work proceeds, and stays in its last state.

    Messages that are logged meanwhile appear above it: warnings and errors only, unless debug messages are
    asked for, since the line tells the rest. Log files get everything.

    Args:
        description: name of the work.
        total: number of images or iterations.
        unit: of ``total``, in the plural or short.
        done: how many of them are done already.
        run_left: tells the time left for the whole run.
    """

    def __init__(
        self,
        description: str,
        total: int,
        *,
        unit: str = 'images',
        done: int = 0,
        run_left: Callable[[], str] | None = None,
    ) -> None:
        console = Console(stderr=True)
        columns: list[ProgressColumn] = [TextColumn('{task.description}', markup=False)]
        if console.width >= _WIDE:
            columns.append(BarColumn(bar_width=None))
        columns += [MofNCompleteColumn(), _StatusColumn(unit, run_left)]
        self._progress = Progress(*columns, console=console, expand=console.width >= _WIDE)
        self._task = self._progress.add_task(description, total=total, completed=done, loss=None)
        terminal = sys.stderr
        self._progress.start()
        # From here on sys.stderr is rich's, which prints above the line; handlers still have the old one.
        self._handlers = [
            (handler, handler.level)
            for name in _LOGGERS
            for handler in logging.getLogger(name).handlers
            if isinstance(handler, logging.StreamHandler) and handler.stream is terminal
        ]
        self._terminal = terminal
        for handler, level in self._handlers:
            handler.setStream(sys.stderr)
            if logging.getLogger('mmdet').level > logging.DEBUG:
                handler.setLevel(max(level, logging.WARNING))

    def advance(self, count: int = 1, loss: float | None = None) -> None:
        """Count images or iterations that were done, and show the newest loss."""
        fields = {} if loss is None else dict(loss=loss)
        self._progress.update(self._task, advance=count, **fields)

    def close(self) -> None:
        """Leave the line as it is; may be called again."""
        self._progress.stop()
        for handler, level in self._handlers:
            handler.setStream(self._terminal)
            handler.setLevel(level)
        self._handlers = []


def is_wide() -> bool:
    """Tell whether stderr has room for a bar."""
    return Console(stderr=True).width >= _WIDE


def can_show() -> bool:
    """Tell whether stderr is a terminal on which lines can change, and this is the main process."""
    return distributed.is_main() and sys.stderr.isatty() and not Console(stderr=True).is_dumb_terminal


@contextmanager
def live_bar(
    description: str, total: int, show: bool = True, run_left: Callable[[], str] | None = None
) -> Iterator[Callable[[int], None]]:
    """Show a :class:`LiveLine` of images on stderr where that is a terminal, and nothing elsewhere.

    Args:
        description: name of the work.
        total: number of images.
        show: whether to show anything.
        run_left: tells the time left for the whole run.

    Yields:
        A function to call with the number of images that are newly done.
    """
    if not (show and can_show()):
        yield lambda count: None
        return
    line = LiveLine(description, total, run_left=run_left)
    try:
        yield line.advance
    finally:
        line.close()


@contextmanager
def no_bar(*what: Any) -> Iterator[Callable[[int], None]]:
    """Stand in for :func:`live_bar` and show nothing."""
    yield lambda count: None


def shared_count(advance: Callable[[int], None], total: int) -> Callable[[int], None]:
    """Return a function that counts images for all processes, which each do a share of them.

    Args:
        advance: is called with the estimated number of images that all processes did.
        total: images of all processes; no more are counted.
    """
    left = total

    def count(images: int) -> None:
        nonlocal left
        step = min(images * distributed.world_size(), left)
        left -= step
        advance(step)

    return count
