"""Agreement between the processes of a run; with one process everything here is immediate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from mmcv.runner import get_dist_info
from torch import distributed as dist

T = TypeVar('T')


def rank() -> int:
    """Return the number of this process."""
    return get_dist_info()[0]


def world_size() -> int:
    """Return how many processes there are."""
    return get_dist_info()[1]


def is_main() -> bool:
    """Tell whether this is the process that writes files."""
    return rank() == 0


def on_main(action: Callable[[], T]) -> T:
    """Run an action in the main process alone, and return its result in every process.

    Raises:
        Exception: the action's own in the main process, a RuntimeError that quotes it in the others.
    """
    if world_size() == 1:
        return action()
    outcome: list[Any] = [None, None]
    error: BaseException | None = None
    if is_main():
        try:
            outcome[0] = action()
        except BaseException as caught:
            error, outcome[1] = caught, f'{type(caught).__name__}: {caught}'
    dist.broadcast_object_list(outcome)
    if error is not None:
        raise error
    if outcome[1] is not None:
        raise RuntimeError(f'the main process failed: {outcome[1]}')
    return outcome[0]


def gather(value: T) -> list[T]:
    """Return the values of all processes, in the order of their numbers, in every process."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def same_everywhere(value: Any, what: str) -> None:
    """Check that all processes have the same value.

    Raises:
        RuntimeError: when they do not.
    """
    if any(other != value for other in gather(value)):
        raise RuntimeError(f'the processes disagree on {what}; do all of them see the same files?')
