"""Reading of files that people give: regular ones of a sensible size, since a pipe or a device has no end."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

# The largest files of one kind: annotation files of a few million images.
MAX_BYTES = 16 << 30
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, 'a folder'),
    (stat.S_ISFIFO, 'a pipe'),
    (stat.S_ISSOCK, 'a socket'),
)


class IrregularFileError(OSError, ValueError):
    """What has the name of a file is a folder, a pipe, a socket or a device, or is too large."""


def check_regular(path: str | Path, most: int = MAX_BYTES) -> os.stat_result:
    """Check that there is a regular file of at most ``most`` bytes, without opening it.

    Raises:
        FileNotFoundError: there is none.
        IrregularFileError: it is something else, or larger.
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f'{path}: no such file') from None
    _refuse_irregular(path, status, most)
    return status


def _refuse_irregular(path: str | Path, status: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), 'a device')
        raise IrregularFileError(f'{path}: is {kind}, and no file that can be read to its end; name a file')
    if status.st_size > most:
        raise IrregularFileError(
            f'{path}: has {status.st_size:,} bytes, more than the {most:,} that are read of such a file'
        )


def open_regular(path: str | Path, most: int = MAX_BYTES) -> BinaryIO:
    """Open a regular file to read its bytes.

    Raises:
        FileNotFoundError, IrregularFileError: as :func:`check_regular`.
    """
    check_regular(path, most)
    # Not to be waited for, in case a pipe takes the file's place in this moment.
    file = open(path, 'rb', opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    try:
        _refuse_irregular(path, os.fstat(file.fileno()), most)
    except IrregularFileError:
        file.close()
        raise
    return file


def read_bytes(path: str | Path, most: int = MAX_BYTES) -> bytes:
    """Read a regular file of at most ``most`` bytes.

    Raises:
        FileNotFoundError, IrregularFileError: as :func:`check_regular`.
    """
    with open_regular(path, most) as file:
        return file.read(most)


def read_text(
    path: str | Path, most: int = MAX_BYTES, encoding: str = 'utf-8', errors: str = 'strict'
) -> str:
    """Read a text file; line breaks as :meth:`pathlib.Path.read_text` gives them.

    Raises:
        FileNotFoundError, IrregularFileError: as :func:`check_regular`. UnicodeDecodeError: not the encoding.
    """
    text = read_bytes(path, most).decode(encoding, errors)
    return text.replace('\r\n', '\n').replace('\r', '\n')


def read_json(path: str | Path, most: int = MAX_BYTES) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError, IrregularFileError: as :func:`check_regular`.
        ValueError: it is no well-formed JSON; naming the file.
    """
    try:
        return json.loads(read_text(path, most))
    except RecursionError:
        raise ValueError(f'{path}: its JSON is nested too deep') from None
    except ValueError as error:
        if isinstance(error, IrregularFileError):
            raise
        raise ValueError(f'{path}: is no well-formed JSON ({error})') from error
