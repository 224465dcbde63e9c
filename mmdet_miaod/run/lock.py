"""The lock of a run directory: one process at a time works in it."""

import errno
import fcntl
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

LOCK_NAME = '.lock'
# What file systems without locks answer: Lustre without its option flock, NFS without a lock service, FUSE.
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.ENOLCK)
_UNLOCKED = (
    '{folder}: the file system has no locks ({reason}): nothing keeps a second process out of this run '
    'directory, and two at once damage it; start one only, or give another --work-dir'
)
# Descriptors of the locks that this process holds, for its children to close.
_held: set[int] = set()


def _close_in_child() -> None:
    """Let go of the locks in a forked child: a loader process may outlive a killed run for a while."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


class RunLock:
    """A held lock.

    Args:
        descriptor: of the open and locked file.
        warning: what is not guaranteed, where the file system has no locks.
    """

    def __init__(self, descriptor: int, warning: str = '') -> None:
        self._descriptor = descriptor
        self.warning = warning
        _held.add(descriptor)

    def release(self) -> None:
        """Let go of the run directory."""
        if self._descriptor in _held:
            _held.remove(self._descriptor)
            os.close(self._descriptor)


def lock_run(directory: str | Path) -> RunLock:
    """Take the run directory for this process; see :func:`lock_file`."""
    return lock_file(
        Path(directory) / LOCK_NAME, f'{directory}: another process is running in this run directory'
    )


def lock_file(path: Path, busy: str) -> RunLock:
    """Take a lock for this process; it ends with the process, however it ends.

    Args:
        path: of the lock, an own file.
        busy: says that another process has it.

    On a file system without locks it is taken all the same, and the lock's ``warning`` says so.

    Raises:
        BlockingIOError: when another process has it.
    """
    # A link could lead to a file of somebody else, which is written to below.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EEXIST, 'is no file, and so no lock', str(path))
    warning = ''
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 200, 0).decode(errors='replace').strip() or 'another process'
        os.close(descriptor)
        raise BlockingIOError(f'{busy} ({owner}); wait for it or stop it first') from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            os.close(descriptor)
            raise OSError(error.errno, f'{error.strerror}; the lock cannot be taken', str(path)) from error
        warning = _UNLOCKED.format(folder=path.parent, reason=error.strerror)
    names = os.fstat(descriptor).st_nlink
    if not names:  # whoever had it has deleted it meanwhile
        os.close(descriptor)
        return lock_file(path, busy)
    if names > 1:  # of a copy made of hard links, or a file of somebody else, which is not written to
        return RunLock(descriptor, warning)
    with suppress(OSError):  # a full disk; it is a courtesy only
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f'process {os.getpid()} on {socket.gethostname()}\n'.encode(), 0)
    return RunLock(descriptor, warning)
