"""``miaod COMMAND ...``: every command by its name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

if not __package__:  # this file was started by its path
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from mmdet_miaod.cli.command_line import Command
from mmdet_miaod.version import __version__

NAMES = (
    'train',
    'annotate',
    'test',
    'score',
    'inference',
    'export',
    'report',
    'visualize',
    'doctor',
    'experiment',
    'collapse',
    'demo',
    'draw-data',
)


def load_command(name: str) -> Command:
    """Return a command by its name, a module of this folder."""
    return import_module(f'mmdet_miaod.commands.{name.replace("-", "_")}').COMMAND


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the first word names; the others are its arguments.

    Args:
        words: default: this process's command line.

    Returns:
        The exit code.

    Raises:
        SystemExit: with 2 on wrong usage, with 0 after ``--help`` and ``--version``.
    """
    width = max(map(len, NAMES)) + 2
    purposes = '\n'.join(
        f'  {name:{width}}{load_command(name).description.splitlines()[0]}' for name in NAMES
    )
    parser = argparse.ArgumentParser(
        prog='miaod',
        usage='miaod [--version] COMMAND ...',
        description=f'Active learning for object detection with MI-AOD.\n\ncommands:\n{purposes}',
        epilog='miaod COMMAND --help says more.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'mmdet_miaod {__version__}')
    parser.add_argument('command', metavar='COMMAND', choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument('arguments', nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parsed = parser.parse_args(words)
    return load_command(parsed.command).run(f'miaod {parsed.command}', parsed.arguments)


if __name__ == '__main__':
    sys.exit(main())
