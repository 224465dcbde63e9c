"""Checksums of files: recorded when they are written, verified when they are read."""

import errno
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ..regular_files import IrregularFileError, open_regular

_BLOCK_SIZE = 1 << 20
# What reading a file ends with when the file itself is gone or broken, rather than its reader refused.
_BROKEN = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO)


class DamagedFileError(ValueError):
    """A file is not what was once written there: missing, truncated or altered."""


@dataclass(frozen=True)
class FileRecord:
    """Record of a written file: the path, its size in bytes and its SHA-256 in hexadecimal."""

    path: Path
    size: int
    sha256: str


def hash_file(path: str | Path) -> tuple[int, str]:
    """Return the size in bytes and the SHA-256 of a file's content."""
    digest, size = hashlib.sha256(), 0
    with open_regular(path) as file:
        # What was just written is in memory as well, but it is the disk that is asked.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while block := file.read(_BLOCK_SIZE):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def verify(record: FileRecord) -> None:
    """Check that a file is bit for bit what was written.

    Raises:
        DamagedFileError: naming the file and what is wrong with it.
        OSError: when the file may be intact but this process cannot read it.
    """
    try:
        size, sha256 = hash_file(record.path)
    except OSError as error:
        if error.errno not in _BROKEN and not isinstance(error, (FileNotFoundError, IrregularFileError)):
            raise
        reason = error.strerror or error
        raise DamagedFileError(f'{record.path}: cannot be read ({reason})') from error
    if size != record.size:
        raise DamagedFileError(f'{record.path}: has {size} bytes instead of {record.size}')
    if sha256 != record.sha256:
        raise DamagedFileError(f'{record.path}: its content changed after it was written (SHA-256 differs)')
