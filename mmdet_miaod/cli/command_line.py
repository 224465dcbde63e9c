"""What the command-line tools share: exit codes, signals, error messages, and how they keep memory."""

from __future__ import annotations

import argparse
import errno
import logging
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from .. import distributed
from ..host_memory import keep_freed_memory
from .signals import StopSignals, Terminated, stop_signals

EXIT_CODES = (
    'exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong usage, 130 interrupted, 143 terminated'
)
STREAMS = 'results go to stdout, messages to stderr; no colors with NO_COLOR or where stderr is no terminal'
# What a user can mend; anything else is a fault of the program and shows its traceback.
USER_ERRORS = (OSError, ValueError, KeyError, FloatingPointError, ImportError)
# What a disk answers when it, a quota or the largest size of a file is full.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run_tool(main: Callable[[], int | None], hint: Callable[[], str] = lambda: '') -> int:
    """Run a tool's main function and turn its end into an exit code.

    Args:
        main: returns the exit code, None for 0.
        hint: what to say when the tool is stopped from outside or fails, such as how to go on.
    """
    keep_freed_memory()
    with stop_signals() as stop:
        try:
            try:
                return main() or 0
            except Exception as error:
                stop.ignore()
                # What goes wrong after a signal goes wrong because of it: a loader process or a peer is gone.
                return _failed(error, hint) if stop.received is None else _stopped(stop, hint)
        except (KeyboardInterrupt, Terminated):
            stop.ignore()
            return _stopped(stop, hint)


def _failed(error: Exception, hint: Callable[[], str]) -> int:
    if isinstance(error, USER_ERRORS) or distributed.is_lost_peer(error):
        if logging.getLogger('mmdet').isEnabledFor(logging.DEBUG):
            traceback.print_exc()
        _say(f'error: {_message(error)}')
    else:
        traceback.print_exc()
    _say(hint())
    return 1


def _stopped(stop: StopSignals, hint: Callable[[], str]) -> int:
    terminated = stop.received == signal.SIGTERM
    _say(f'{"terminated" if terminated else "interrupted"}. {hint()}')
    return 143 if terminated else 130


def _message(error: Exception) -> str:
    # str() of a KeyError is the repr of its message.
    message = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if distributed.is_lost_peer(error) and not isinstance(error, distributed.PeerError):
        message = f'another process of the run is gone ({message})'
    if isinstance(error, OSError) and error.errno in _FULL:
        message += '. Nothing that was finished is lost; make room on the disk first.'
    if distributed.world_size() > 1:
        message = f'process {distributed.rank()}: {message}'
    return message


def _say(message: str) -> None:
    if message.strip():
        sys.stderr.write(f'{message.strip()}\n')


def tool_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser that documents the exit codes and knows ``-q`` and ``-v``."""
    parser = argparse.ArgumentParser(**help_style(description))
    add_verbosity(parser)
    return parser


def help_style(description: str) -> dict[str, Any]:
    """Arguments of a parser, or of a sub-command's, that make its help tell the exit codes."""
    return dict(
        description=description,
        epilog=f'{EXIT_CODES}\n{STREAMS}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """Add ``-q`` and ``-v`` to a parser."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument('-q', '--quiet', action='store_true', help='show warnings and errors only')
    group.add_argument('-v', '--verbose', action='store_true', help='show debug messages')


def configure_messages(arguments: argparse.Namespace) -> logging.Logger:
    """Return the logger of all messages: on stderr, as many as ``-q`` and ``-v`` ask for."""
    from mmdet.utils import get_root_logger

    logger = get_root_logger()
    logger.setLevel(
        logging.WARNING if arguments.quiet else logging.DEBUG if arguments.verbose else logging.INFO
    )
    for handler in logger.handlers:
        handler.setFormatter(logging.Formatter('%(message)s'))
    return logger
