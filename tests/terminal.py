"""A pseudo-terminal for tests of what a person sees."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, suppress

ESCAPE = re.compile(r'\x1b\[([0-9;?]*)([A-Za-z])')


class Terminal:
    """A pseudo-terminal; ``slave`` is the end that programs write to, and the other end is read at once."""

    def __init__(self, columns: int = 120) -> None:
        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack('HHHH', 40, columns, 0, 0))
        self._parts: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        # On Linux an error tells that nobody can write any more.
        with suppress(OSError):
            while part := os.read(self._master, 1 << 16):
                self._parts.append(part)
        os.close(self._master)

    def read_all(self) -> str:
        """Close the writing end, and return everything that was written there."""
        os.close(self.slave)
        self._reader.join(timeout=20)
        assert not self._reader.is_alive(), 'somebody still has the terminal open'
        return b''.join(self._parts).decode()


def on_terminal(work: Callable[[], None]) -> str:
    """What a terminal in the place of stderr gets from some work."""
    terminal = Terminal()
    with open(os.dup(terminal.slave), 'w', buffering=1) as stream, redirect_stderr(stream):
        work()
    return terminal.read_all()


def run_in_terminal(command: Sequence[str], columns: int = 120, **environment: str) -> tuple[int, bytes, str]:
    """Run a command with stderr on a terminal; returns exit code, stdout, and what the terminal got."""
    terminal = Terminal(columns)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal.slave,
        env={**os.environ, 'TERM': 'xterm-256color', 'COLUMNS': str(columns), **environment},
    )
    output = process.communicate(timeout=120)[0]
    return process.returncode, output, terminal.read_all()


def visible(text: str) -> list[str]:
    """The lines that a terminal showed, each in its last state, without colors."""
    lines = [line.rsplit('\r', 1)[-1] for line in text.replace('\r\n', '\n').split('\n')]
    return [line for line in (ESCAPE.sub('', line).rstrip() for line in lines) if line]
