"""Start and end of a command: arguments, messages, signals, exit code."""

import argparse
import errno
import gc
import importlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .. import distributed
from ..environment import SETUP_HINT
from ..host_memory import keep_freed_memory
from .arguments import EXIT_CODES, UsageError, add_verbosity, help_style
from .late_imports import WITHOUT_DATA, late_imports, left_out
from .signals import StopSignals, Terminated, stop_signals

# Errors that a user can mend; anything else is a fault of the program and shows its traceback.
USER_ERRORS = (OSError, ValueError, KeyError, FloatingPointError, ImportError)
# torch's words for a loader process that was killed.
_LOST_LOADER = 'DataLoader worker (pid'
# Answers of a disk when it, a quota or the largest size of a file is full.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Command:
    """A command: what it says of itself, its arguments and its main function.

    Parsing and checking must not wait for PyTorch: ``main`` imports what it needs.

    Attributes:
        description: the help text; the first line names the command's purpose, ``%(prog)s`` stands for how it
            is called.
        add_arguments: adds its arguments to a parser; ``-q`` and ``-v`` are there already.
        main: takes the parsed arguments; returns the exit code, None for 0. May raise :class:`UsageError`.
        check: raises :class:`UsageError` where arguments do not go together.
        hint: what to say when it is stopped or fails, such as how to resume; takes the parsed arguments.
        exit_codes: a line of the help text.
    """

    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    main: Callable[[argparse.Namespace], int | None]
    check: Callable[[argparse.Namespace], None] = lambda arguments: None
    hint: Callable[[argparse.Namespace], str] = lambda arguments: ''
    exit_codes: str = EXIT_CODES

    def run(self, prog: str, words: Sequence[str] | None = None) -> int:
        """Parse the command line and run the command.

        Args:
            prog: how it is called, such as ``'miaod train'``; ``arguments.prog`` has it as well.
            words: the command line after that; default: this process's.

        Returns:
            The exit code.

        Raises:
            SystemExit: with 2 on wrong usage, with 0 after ``--help``.
        """
        # Intel's OpenMP, which conda's PyTorch uses, notes at every start that omp_set_nested is deprecated.
        os.environ.setdefault('KMP_WARNINGS', '0')
        parser = argparse.ArgumentParser(prog=prog, **help_style(self.description, self.exit_codes))
        parser.set_defaults(prog=prog)
        self.add_arguments(parser)
        add_verbosity(parser)
        arguments = parser.parse_args(words)

        def main() -> int | None:
            import_stack()
            return self.main(arguments)

        try:
            self.check(arguments)
            return run_tool(main, lambda: self.hint(arguments), arguments.verbose)
        except UsageError as error:
            parser.error(str(error))


def import_stack() -> None:
    """Import MMDetection and this package; the garbage collector leaves what they are made of alone.

    A million objects that live as long as the process: looking for garbage among them takes a third of the
    time of their import, and again at the end.
    """
    if 'mmcv' in sys.modules:
        return
    gc.disable()
    try:
        with left_out(WITHOUT_DATA):
            importlib.import_module('torch')
        with late_imports():
            importlib.import_module('mmcv')  # and by that all else, see mmdet_miaod/__init__.py
    except ImportError:
        raise
    except Exception as error:  # a damaged package raises anything
        raise ImportError(
            f'the installed packages cannot be imported ({type(error).__name__}: {error}). {SETUP_HINT}'
        ) from error
    finally:
        gc.freeze()
        gc.enable()


def run_tool(
    main: Callable[[], int | None], hint: Callable[[], str] = lambda: '', verbose: bool = False
) -> int:
    """Run a main function and turn its end into an exit code.

    Args:
        main: returns the exit code, None for 0.
        hint: what to say when it is stopped from outside or fails, such as how to resume.
        verbose: show where an error comes from even if a user can mend it.

    Raises:
        UsageError: as ``main`` does.
    """
    keep_freed_memory()
    with stop_signals() as stop:
        try:
            try:
                return main() or 0
            except UsageError:
                raise
            except Exception as error:
                stop.ignore()
                # What goes wrong after a signal goes wrong because of it: a loader process or a peer is gone.
                return _failed(error, hint, verbose) if stop.received is None else _stopped(stop, hint)
        except (KeyboardInterrupt, Terminated):
            stop.ignore()
            return _stopped(stop, hint)


def _failed(error: Exception, hint: Callable[[], str], verbose: bool) -> int:
    if isinstance(error, USER_ERRORS) or distributed.is_lost_peer(error) or _LOST_LOADER in str(error):
        if verbose:
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
    if message.startswith('Caught ') and 'Original Traceback' in message:  # in a loader process of torch
        message = message.strip().splitlines()[-1].partition(': ')[2]
    if _LOST_LOADER in message:
        message = (
            f'a process that loads images is gone ({message.splitlines()[0]}): the machine or container may '
            'be out of memory; set data.workers_per_gpu, data.prefetch_factor or data.samples_per_gpu lower'
        )
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
