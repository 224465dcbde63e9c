"""Ctrl-C and SIGTERM as exceptions that end a tool in an orderly way, wherever they arrive."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_RETRY_SECONDS = 0.05


class Terminated(BaseException):
    """SIGTERM arrived."""


class StopSignals:
    """Handler of signals; keeps the first one that asked the process to stop.

    Attributes:
        received: ``signal.SIGINT``, ``signal.SIGTERM`` or None.
        numbers: the signals that are handled.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.numbers: tuple[int, ...] = ()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle SIGINT and SIGTERM by an exception in the main thread."""
        if self.received is None:
            self.received = number
        self._stop()

    def retry(self, number: int, frame: FrameType | None) -> None:
        """Raise again what Python swallowed."""
        self._stop()

    def ignore(self) -> None:
        """Ignore further signals, so that the last words of the tool are heard."""
        for number in self.numbers:
            signal.signal(number, signal.SIG_IGN)

    def _stop(self) -> None:
        if self.received is not None:
            raise KeyboardInterrupt if self.received == signal.SIGINT else Terminated


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Raise KeyboardInterrupt on SIGINT and :class:`Terminated` on SIGTERM, for as long as the context lasts.

    Python swallows an exception that a signal raises within a destructor or a callback (a loader that is
    taken down, for example); then it is raised again a moment later. A process that was asked to stop
    ignores further signals after the context, too: it is on its way out.
    """
    stop = StopSignals()
    old_hook = sys.unraisablehook

    def notice_swallowed(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, (KeyboardInterrupt, Terminated)):
            signal.setitimer(signal.ITIMER_REAL, _RETRY_SECONDS)
        elif stop.received is None:  # loader processes that the signal ended as well are no news
            old_hook(unraisable)

    handlers = {signal.SIGTERM: stop.handle, signal.SIGALRM: stop.retry}
    # A shell's background jobs ignore SIGINT, and so does what runs in them.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        handlers[signal.SIGINT] = stop.handle
    stop.numbers = tuple(handlers)
    old_handlers = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    sys.unraisablehook = notice_swallowed
    try:
        yield stop
    finally:
        ended = signal.SIG_IGN if stop.received is not None else None
        for number, handler in old_handlers.items():
            signal.signal(number, ended or handler)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if stop.received is None:
            sys.unraisablehook = old_hook
