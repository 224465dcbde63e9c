"""The one place where a run changes files: every write, sync and rename passes through here.

A file appears under its name only when all of it is on the disk: it is written to a temporary name in
the same folder, synced, and renamed; then the folder is synced. A crash at any moment leaves the old
file or the new one.
"""

import errno
import hashlib
import io
import json
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..regular_files import check_regular
from .file_record import FileRecord
from .folder_sync import never_syncs, warn_unsynced

TEMPORARY_PREFIX = '.writing-'
_TEMPORARY = re.compile(rf'{re.escape(TEMPORARY_PREFIX)}\d+-[0-9a-f]{{16}}')
_BUFFER_SIZE = 1 << 20
# What file systems without hard links, or with too many of them, answer.
_NO_LINKS = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL)


def _perform(operation: str, path: Path, action: Callable[[], Any]) -> Any:
    """Run one operation on the disk. Tests replace this function to make the n-th operation fail."""
    return action()


def _do(operation: str, path: Path, action: Callable[[], Any], told: Path | None = None) -> Any:
    """Run one operation on the disk; an error says which file it was about (``told``, for temporary ones)."""
    try:
        return _perform(operation, path, action)
    except OSError as error:
        if error.filename is None:
            error.filename = str(told or path)
        raise


class _HashedFile(io.RawIOBase):
    """A new, write-only file that hashes what reaches it; to be used through a buffer.

    Args:
        temporary: its name until all of it is there.
        path: its name then, for messages.
    """

    def __init__(self, temporary: Path, path: Path) -> None:
        self._temporary, self._path = temporary, path
        # A new file, never what is there under that name: it may be a link to a file elsewhere.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = _do('open', temporary, lambda: os.open(temporary, flags, 0o666), path)
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast('B')
        count = _do('write', self._temporary, lambda: os.write(self._descriptor, view), self._path)
        self._hash.update(view[:count])
        self.size += count
        return count

    def sync(self) -> None:
        _do('fsync', self._temporary, lambda: os.fsync(self._descriptor), self._path)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def make_directory(path: str | Path, exist_ok: bool = True) -> Path:
    """Create a folder and its parents where missing, durably.

    Raises:
        FileExistsError: when it is there and ``exist_ok`` is false.
    """
    path = Path(path)
    if not path.is_dir() or not exist_ok:
        if not path.parent.is_dir():
            make_directory(path.parent)
        _do('mkdir', path, lambda: path.mkdir(exist_ok=exist_ok))
        sync_directory(path.parent)
    return path


def sync_directory(path: str | Path) -> None:
    """Make the names in a folder durable; a file system that has no such thing is warned of once."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _do('fsync', Path(path), lambda: os.fsync(descriptor))
    except OSError as error:
        if not never_syncs(error, descriptor):
            raise
        warn_unsynced(str(error.strerror))
    finally:
        os.close(descriptor)


def write_file(path: str | Path, write_content: Callable[[io.BufferedWriter], Any]) -> FileRecord:
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
    temporary = _temporary(path.parent)
    try:
        with _HashedFile(temporary, path) as file:
            buffer = io.BufferedWriter(file, _BUFFER_SIZE)
            write_content(buffer)
            buffer.flush()
            file.sync()
            record = FileRecord(path, file.size, file.hexdigest())
        _do('rename', path, lambda: os.replace(temporary, path))
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    return record


def _temporary(folder: Path) -> Path:
    """Return a name for a new file, unlike that of any other file or process."""
    return folder / f'{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(8)}'


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
        FileNotFoundError: when there is no such file.
        ValueError: when it is no npy file, holds Python objects, or is shorter than its header says.
    """
    check_regular(path)
    try:
        # Mapped, since np.load makes room for what the header promises, however short the file is; it also
        # takes pickles and zip archives for arrays.
        mapped = np.lib.format.open_memmap(path, mode='r')
        if not mapped.dtype.itemsize:  # as many values as the header likes, out of no bytes at all
            raise ValueError(f'values of type {mapped.dtype.str} have no bytes')
        return np.array(mapped)
    except Exception as error:  # NumPy raises a different type for each way of being malformed
        raise ValueError(f'{path}: cannot be read as a plain npy array ({error})') from error


def save_checkpoint(path: str | Path, checkpoint: dict) -> FileRecord:
    """Write a checkpoint of tensors and plain Python values whole or not at all."""
    # By way of memory: an error of the disk within torch.save comes out of it as something else.
    content = io.BytesIO()
    torch.save(checkpoint, content)
    return write_file(path, lambda file: file.write(content.getbuffer()))


def load_checkpoint(path: str | Path) -> dict:
    """Read a checkpoint onto the CPU; only tensors and plain values are accepted, no code runs.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when the file is damaged or holds anything else.
    """
    try:
        check_regular(path)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such checkpoint') from None
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
    temporary = _temporary(path.parent)
    try:
        _do('link', path, lambda: os.link(source, temporary))
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        write_file(path, lambda file: file.write(source.read_bytes()))
        return
    _do('rename', path, lambda: os.replace(temporary, path))
    # Renaming one link of a file onto another link of the same file does nothing and keeps both names.
    temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def remove_file(path: str | Path) -> None:
    """Delete a file if it is there."""
    path = Path(path)
    if path.exists() or path.is_symlink():
        _do('remove', path, lambda: path.unlink(missing_ok=True))


def remove_temporary_files(directory: str | Path) -> None:
    """Delete what interrupted writes left behind below a folder."""
    for path in Path(directory).rglob(f'{TEMPORARY_PREFIX}*'):
        if _TEMPORARY.fullmatch(path.name):
            remove_file(path)
