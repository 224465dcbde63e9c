"""Files that a person names for a command to write: never those that it reads, nor what it did not make."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .files import TEMPORARY_PREFIX, make_directory
from .lock import lock_file

# Stands in what a command makes, where the format has room for it.
MARK = 'made by mmdet_miaod'
_LOOKED_AT = 4096  # bytes at the beginning and at the end of a file


def check_outputs(
    paths: Iterable[str | Path], reads: Iterable[str | Path] = (), marks: Sequence[str] = (MARK,)
) -> None:
    """Check that files may be written, before anything is made for them.

    Args:
        paths: the files.
        reads: what the command reads.
        marks: what stands at the beginning or the end of files that the command made, which are replaced.

    Raises:
        FileExistsError: one is read by the command, or is there and is anything else.
    """
    there = [Path(path) for path in paths if os.path.lexists(path)]
    read = {_identity(path) for path in reads if os.path.exists(path)} if there else set()
    for path in there:
        if path.exists() and _identity(path) in read:
            raise FileExistsError(f'{path}: is what the command reads; choose another name')
        if not _has_mark(path, marks):
            raise FileExistsError(
                f'{path}: is there already and was not made by this command; choose another name, or '
                'delete it'
            )


@contextmanager
def claimed(path: str | Path) -> Iterator[None]:
    """Be the only process that writes a file or folder, for as long as the context lasts.

    Raises:
        BlockingIOError: another process writes it.
    """
    path = Path(path)
    make_directory(path.parent)
    name = hashlib.sha256(path.name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]
    place = path.parent / f'{TEMPORARY_PREFIX}{name}.lock'
    lock = lock_file(place, f'{path}: another process is writing it')
    try:
        yield
    finally:
        place.unlink(missing_ok=True)
        lock.release()


def _identity(path: str | Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _has_mark(path: Path, marks: Sequence[str]) -> bool:
    if not path.is_file():  # a folder, a device, or a link that leads nowhere
        return False
    with path.open('rb') as file:
        begin = file.read(_LOOKED_AT)
        file.seek(max(0, os.fstat(file.fileno()).st_size - _LOOKED_AT))
        content = begin + b'\n' + file.read()
    return any(mark.encode() in content for mark in marks)
