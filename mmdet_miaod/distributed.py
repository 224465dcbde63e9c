"""Agreement between the processes of a run; with one process everything here is immediate."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from torch import nn

T = TypeVar('T')
P = ParamSpec('P')
# Parts of the messages with which gloo and NCCL report that a peer is gone.
_LOST_PEER = ('gloo', 'nccl', 'connection closed', 'connection reset', 'broken pipe', 'timed out')
# A process that hears nothing for minutes takes its peers for dead (NCCL: 10, gloo: 30).
_ALIVE_SECONDS = 20.0
_STILL_AT_WORK = 'still at work'


class PeerError(RuntimeError):
    """Another process of the run failed or is gone, so this one cannot continue."""


def is_lost_peer(error: BaseException) -> bool:
    """Tell whether an error means that another process of the run is gone."""
    if isinstance(error, PeerError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and world_size() > 1 and any(part in text for part in _LOST_PEER)


@contextmanager
def _lost_peers_named() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if is_lost_peer(error):
            raise PeerError(f'another process of the run is gone ({error})') from error
        raise


def _group() -> ModuleType | None:
    """torch.distributed where this process has joined others, else None; PyTorch is not imported for it."""
    dist = sys.modules.get('torch.distributed')
    return dist if dist is not None and dist.is_available() and dist.is_initialized() else None


def rank() -> int:
    """Return the number of this process."""
    group = _group()
    return 0 if group is None else group.get_rank()


def world_size() -> int:
    """Return how many processes there are."""
    group = _group()
    return 1 if group is None else group.get_world_size()


def is_main() -> bool:
    """Tell whether this is the process that writes files."""
    return rank() == 0


def on_main(action: Callable[[], T]) -> T:
    """Run an action in the main process alone, and return its result in every process.

    Raises:
        Exception: the action's own in the main process, a :class:`PeerError` that quotes it in the others.
    """
    return on_main_for_long(lambda heartbeat: action())


def main_only(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function for :func:`on_main`: every process calls it, the main process alone runs it."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return on_main(lambda: function(*args, **kwargs))

    return call


def on_main_for_long(action: Callable[[Callable[[], None]], T]) -> T:
    """Like :func:`on_main`, for an action that may last longer than a process waits for another.

    Args:
        action: is given a function that it has to call at least once a minute; by that the others know that
            the main process is alive, and wait on.
    """
    if world_size() == 1:
        return action(lambda: None)
    if not is_main():
        return _wait_for_main()
    told = time.monotonic()

    def heartbeat() -> None:
        nonlocal told
        if time.monotonic() - told >= _ALIVE_SECONDS:
            _broadcast(None, _STILL_AT_WORK)
            told = time.monotonic()

    try:
        result = action(heartbeat)
    except BaseException as error:
        with suppress(Exception):  # its own error says more than that nobody is there to hear of it
            _broadcast(None, f'{type(error).__name__}: {error}')
        raise
    _broadcast(result, None)
    return result


def _wait_for_main() -> Any:
    while True:
        result, message = _broadcast(None, None)
        if message is None:
            return result
        if message != _STILL_AT_WORK:
            raise PeerError(f'the main process failed: {message}')


def _broadcast(result: Any, message: str | None) -> list[Any]:
    """Send the main process's result and message; returns them in every process."""
    outcome = [result, message]
    with _lost_peers_named():
        _group().broadcast_object_list(outcome)
    return outcome


def gather(value: T) -> list[T]:
    """Return the values of all processes, in the order of their numbers, in every process."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    with _lost_peers_named():
        _group().all_gather_object(values, value)
    return values


def same_everywhere(value: Any, what: str) -> None:
    """Check that all processes have the same value.

    Raises:
        RuntimeError: when they do not.
    """
    if any(other != value for other in gather(value)):
        raise RuntimeError(f'the processes disagree on {what}; do all of them see the same files?')


def copy_buffers_from_main(model: nn.Module) -> None:
    """Give every process the main process's buffers, such as running means, which training leaves unequal."""
    if world_size() == 1:
        return
    with _lost_peers_named():
        for buffer in model.buffers():
            _group().broadcast(buffer, 0)
