"""A disk that stops a process at one of its operations, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Killed(BaseException):
    """Stands for the end of the process."""


class StoppedDisk:
    """Takes the place of ``files._perform``: stops at one operation, done or not, and counts them."""

    def __init__(self, number: int = 0, done: bool = False) -> None:
        self.count = 0
        self.number = number
        self.done = done

    def __call__(self, operation: str, path: Path, action: Any) -> Any:
        self.count += 1
        if self.count == self.number:
            if self.done:
                action()
            raise Killed
        return action()
