"""What command-line tools have in common: ``-q``, ``-v``, exit codes in ``--help``, messages on stderr."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from .command_line import EXIT_CODES

STREAMS = 'results go to stdout, messages to stderr; no colors with NO_COLOR or where stderr is no terminal'


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
