"""Start of every tool: a command of this checkout, whatever package is installed."""

from __future__ import annotations

import shlex
import sys
from importlib import import_module


def start(module: str) -> None:
    """Run a command as ``python tools/NAME.py``, or as this file was called from elsewhere, and exit.

    Args:
        module: that has the command, such as ``'mmdet_miaod.commands.train'``.
    """
    try:
        command = import_module(module).COMMAND
    except ImportError as error:  # the stack is not installed
        sys.exit(f'error: {error}')
    sys.exit(command.run(f'python {shlex.quote(sys.argv[0])}'))
