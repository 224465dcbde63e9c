"""What the command-line tools share: exit codes, signals and error messages."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

EXIT_CODES = (
    'exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong usage, 130 interrupted, 143 terminated'
)
# What a user can mend; anything else is a fault of the program and shows its traceback.
USER_ERRORS = (OSError, ValueError, KeyError, FloatingPointError, ImportError)


class Terminated(BaseException):
    """SIGTERM arrived."""


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated


def run_tool(main: Callable[[], int | None], hint: Callable[[], str] = lambda: '') -> int:
    """Run a tool's main function and turn its end into an exit code.

    Args:
        main: returns the exit code, None for 0.
        hint: what to say when the tool is stopped from outside, such as how to go on.
    """
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        return main() or 0
    except KeyboardInterrupt:
        _say(f'interrupted. {hint()}')
        return 130
    except Terminated:
        _say(f'terminated. {hint()}')
        return 143
    except USER_ERRORS as error:
        # str() of a KeyError is the repr of its message.
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        _say(f'error: {message}')
        _say(hint())
        return 1


def _say(message: str) -> None:
    if message.strip():
        sys.stderr.write(f'{message.strip()}\n')
