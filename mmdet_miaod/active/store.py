"""The one place where a run changes files: every write, sync and rename passes through here.

A file appears under its name only when all of it is on the disk: it is written to a temporary name in
the same folder, synced, and renamed; then the folder is synced. A crash at any moment leaves the old
file or the new one.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

TEMPORARY_PREFIX = '.writing-'
_READ_SIZE = 1 << 20


class DamagedFileError(ValueError):
    """A file is not what was once written there: missing, truncated or altered."""


@dataclass(frozen=True)
class FileRecord:
    """What was written: the path, its size in bytes and its SHA-256 in hexadecimal."""

    path: Path
    size: int
    sha256: str


def _perform(operation: str, path: Path, action: Callable[[], Any]) -> Any:
    """Run one operation on the disk. Tests replace this function to make the n-th operation fail."""
    return action()


class _HashedFile(io.RawIOBase):
    """A write-only file that hashes what passes through it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _perform('open', path, lambda: open(path, 'wb'))  # noqa: SIM115 (closed by close())
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast('B')
        _perform('write', self._path, lambda: self._file.write(view))
        self._hash.update(view)
        self.size += len(view)
        return len(view)

    def sync(self) -> None:
        self._file.flush()
        _perform('fsync', self._path, lambda: os.fsync(self._file.fileno()))

    def close(self) -> None:
        self._file.close()
        super().close()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def make_directory(path: str | Path) -> Path:
    """Create a folder and its parents where missing, durably."""
    path = Path(path)
    if not path.is_dir():
        _perform('mkdir', path, lambda: path.mkdir(parents=True, exist_ok=True))
        sync_directory(path.parent)
    return path


def sync_directory(path: str | Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _perform('fsync', Path(path), lambda: os.fsync(descriptor))
    finally:
        os.close(descriptor)


def write_file(path: str | Path, write_content: Callable[[io.RawIOBase], Any]) -> FileRecord:
    """Write a file whole or not at all.

    Args:
        path: the file's final name.
        write_content: is called with a binary file to write to.

    Returns:
        The record of what was written.

    Raises:
        OSError: when the disk refuses; the old file, if any, is untouched.
    """
    path = Path(path)
    make_directory(path.parent)
    temporary = path.parent / f'{TEMPORARY_PREFIX}{path.name}'
    try:
        with _HashedFile(temporary) as file:
            write_content(file)
            file.sync()
            record = FileRecord(path, file.size, file.hexdigest())
        _perform('rename', path, lambda: os.replace(temporary, path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    return record


def write_text(path: str | Path, text: str) -> FileRecord:
    """Write a UTF-8 text file whole or not at all."""
    return write_file(path, lambda file: file.write(text.encode()))


def write_json(path: str | Path, value: Any) -> FileRecord:
    """Write a JSON file (standard JSON: NaN is refused) whole or not at all."""
    return write_text(path, json.dumps(value, indent=1, allow_nan=False) + '\n')


def save_array(path: str | Path, array: np.ndarray) -> FileRecord:
    """Write an array as npy (never pickled) whole or not at all."""
    return write_file(path, lambda file: np.save(file, array, allow_pickle=False))


def load_array(path: str | Path) -> np.ndarray:
    """Read an npy file, refusing pickled objects.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when it is no npy file or holds Python objects.
    """
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such file') from None
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f'{path}: cannot be read as a plain npy array ({error})') from error


def save_checkpoint(path: str | Path, checkpoint: dict) -> FileRecord:
    """Write a checkpoint of tensors and plain Python values whole or not at all."""
    return write_file(path, lambda file: torch.save(checkpoint, file))


def load_checkpoint(path: str | Path) -> dict:
    """Read a checkpoint onto the CPU; only tensors and plain values are accepted, no code runs.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when the file is damaged or holds anything else.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such checkpoint')
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises a different type for each way of being damaged
        raise ValueError(f'{path}: is no intact checkpoint of plain tensors ({error})') from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path}: a checkpoint is a dict, found {type(checkpoint).__name__}')
    return checkpoint


def link_file(source: str | Path, path: str | Path) -> None:
    """Give a file a second name, replacing what had that name; a copy where links are not supported."""
    source, path = Path(source), Path(path)
    temporary = path.parent / f'{TEMPORARY_PREFIX}{path.name}'
    temporary.unlink(missing_ok=True)
    try:
        _perform('link', path, lambda: os.link(source, temporary))
    except PermissionError:
        write_file(path, lambda file: file.write(source.read_bytes()))
        return
    _perform('rename', path, lambda: os.replace(temporary, path))
    # Renaming one link of a file onto another link of the same file does nothing and keeps both names.
    temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def remove(path: str | Path) -> None:
    """Delete a file if it is there."""
    path = Path(path)
    if path.exists():
        _perform('remove', path, path.unlink)


def hash_file(path: str | Path) -> tuple[int, str]:
    """Return the size in bytes and the SHA-256 of a file's content."""
    digest, size = hashlib.sha256(), 0
    with open(path, 'rb') as file:
        while block := file.read(_READ_SIZE):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def verify(record: FileRecord) -> None:
    """Check that a file is bit for bit what was written.

    Raises:
        DamagedFileError: naming the file and what is wrong with it.
    """
    try:
        size, sha256 = hash_file(record.path)
    except OSError as error:
        raise DamagedFileError(f'{record.path}: cannot be read ({error.strerror})') from error
    if size != record.size:
        raise DamagedFileError(f'{record.path}: has {size} bytes instead of {record.size}')
    if sha256 != record.sha256:
        raise DamagedFileError(f'{record.path}: its content changed after it was written (SHA-256 differs)')


def remove_temporary_files(directory: str | Path) -> None:
    """Delete what interrupted writes left behind below a folder."""
    for path in Path(directory).rglob(f'{TEMPORARY_PREFIX}*'):
        remove(path)
