"""Paths of a run's own files and folders: where links lead elsewhere, nothing is written or deleted."""

import errno
import io
import os
import stat
from itertools import accumulate, islice
from pathlib import Path, PurePosixPath


def linked_folder(directory: Path, name: str) -> Path | None:
    """Return the first folder on the way to a file of a directory that is a symbolic link; None: none is.

    Args:
        directory: may be a link itself.
        name: path of the file below it.
    """
    folders = accumulate(PurePosixPath(name).parts, Path.joinpath, initial=directory)
    return next((path for path in islice(folders, 1, None) if path.is_symlink() and path.is_dir()), None)


def own_path(directory: str | Path, name: str) -> Path:
    """Return a file or folder to write to or delete, by its path in a run directory.

    Raises:
        OSError: when it is, or is in, a folder that is a symbolic link: what lies elsewhere is not the run's.
    """
    directory = Path(directory)
    if link := linked_folder(directory, name):
        raise OSError(errno.ELOOP, 'no folder of a run may be a symbolic link', str(link))
    return directory / name


def open_to_append(path: str | Path) -> io.BufferedWriter:
    """Open an own file to append to it, a new one where there is none.

    Raises:
        OSError: a symbolic link is there, or a file that has another name elsewhere.
    """

    def opener(name: str, flags: int) -> int:
        try:
            return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise OSError(errno.ELOOP, 'is a symbolic link, which is not followed; delete it', name) from None

    file = open(path, 'ab', opener=opener)  # noqa: SIM115 (closed by the caller)
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        file.close()
        raise OSError(errno.EEXIST, 'is a special file, or one that has another name too', str(path))
    return file
