"""One live line for work on images: how many are done, how fast, and the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _SpeedColumn(ProgressColumn):
    def render(self, task) -> Text:
        return Text('? images/s' if not task.speed else f'{task.speed:.1f} images/s')


@contextmanager
def live_bar(description: str, total: int, show: bool = True) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr where that is a terminal, and nothing elsewhere.

    Args:
        description: what is being done.
        total: number of images.
        show: whether to show it at all.

    Yields:
        A function to call with the number of images that were done.
    """
    console = Console(stderr=True)
    if not (show and console.is_terminal):
        yield lambda count: None
        return
    columns = (
        TextColumn('{task.description}', markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _SpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=total)
        yield lambda count: progress.advance(task, count)
