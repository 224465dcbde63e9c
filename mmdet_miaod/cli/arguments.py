"""Arguments that commands share; parsing them imports nothing but the standard library."""

import argparse
from collections.abc import Sequence
from typing import Any

from .configs import find_config

EXIT_CODES = (
    'exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong usage, 130 interrupted, 143 terminated'
)
# Of a run that people have to label a batch for.
LABELS_WANTED = 4
STREAMS = 'results go to stdout, messages to stderr; no colors with NO_COLOR or where stderr is no terminal'


class UsageError(Exception):
    """The command line is wrong, as its parser could not know: exit code 2."""


def help_style(description: str, exit_codes: str = EXIT_CODES) -> dict[str, Any]:
    """Arguments of a parser, or of a sub-command's, that make its help tell the exit codes."""
    return dict(
        description=description,
        epilog=f'{exit_codes}\n{STREAMS}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_verbosity(parser: argparse.ArgumentParser, default: Any = False) -> None:
    """Add ``-q`` and ``-v``.

    Args:
        parser: of a command or a sub-command.
        default: ``argparse.SUPPRESS`` for a sub-command, whose default would hide what stands before it.
    """
    group = parser.add_mutually_exclusive_group()
    switch = dict(action='store_true', default=default)
    group.add_argument('-q', '--quiet', **switch, help='no progress; show warnings and errors only')
    group.add_argument('-v', '--verbose', **switch, help='show debug messages, and where errors come from')


def add_config(parser: argparse.ArgumentParser, **more: Any) -> None:
    """Add ``config``, a file of the user's or of the package; ``more`` arguments are argparse's."""
    text = 'config file, such as configs/MIAOD.py or the one in a run directory'
    parser.add_argument('config', type=find_config, help=text, **more)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``, to be read by :func:`config_options`."""
    parser.add_argument(
        '--cfg-options', nargs='+', type=_pair, default=[], metavar='KEY=VALUE', help='config overrides'
    )


def _pair(text: str) -> str:
    key, equals, value = text.partition('=')
    if not key or not equals:
        raise argparse.ArgumentTypeError(f'{text!r} is no KEY=VALUE')
    if ',' in value and any(value.count(left) != value.count(right) for left, right in ('()', '[]')):
        raise argparse.ArgumentTypeError(f'{text!r}: a bracket is not closed')
    return text


def config_options(pairs: Sequence[str]) -> dict[str, Any]:
    """Values of ``KEY=VALUE`` pairs by key, in the grammar of MMDetection's tools.

    Raises:
        UsageError: when brackets do not match.
    """
    from mmcv import DictAction

    found = argparse.Namespace()
    try:
        DictAction((), dest='options')(None, found, pairs)
    except (AssertionError, RecursionError):
        raise UsageError(f'argument --cfg-options: brackets do not match in {" ".join(pairs)}') from None
    return found.options


def add_data_root(parser: argparse.ArgumentParser, of: str = 'config') -> None:
    """Add ``--data-root``; the default is that of the config, or of a run."""
    owner = dict(config="the config's data_root", run="that of the run's config")[of]
    parser.add_argument('--data-root', help=f'where the data is (default: {owner})')


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``; without it :func:`~mmdet_miaod.cli.launch.default_device` holds."""
    parser.add_argument('--device', help='cpu or cuda:N (default: cuda:0 where there is a GPU, else cpu)')


def positive(text: str) -> int:
    """Type of an argument that is a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{text}: at least 1 is needed')
    return number
