"""Folders of file systems that cannot sync them."""

import errno
import functools
import logging
import os
from pathlib import Path

# What CIFS, shared folders of VirtualBox and FUSE answer.
_UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)


def never_syncs(error: OSError, descriptor: int) -> bool:
    """Tell whether the sync of a folder failed since its file system has no such thing."""
    if error.errno != errno.EIO:
        return error.errno in _UNSUPPORTED
    # A disk reports its own failure once; Samba shares in WSL answer so every time.
    try:
        os.fsync(descriptor)
    except OSError:
        return True
    return False


def unsynced(reason: str) -> str:
    """Return what is not guaranteed where folders cannot be synced."""
    return (
        f'the file system cannot sync folders ({reason}): after a power failure or a crash of the machine '
        'the newest files may be missing; a run that is resumed goes back to its newest whole state then'
    )


@functools.cache
def warn_unsynced(reason: str) -> None:
    """Log it, once per process."""
    logging.getLogger('mmdet').warning(unsynced(reason))


def check_folder_sync(path: str | Path) -> str:
    """Sync a folder; returns what is not guaranteed, '' where it works.

    Raises:
        OSError: the disk fails.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if never_syncs(error, descriptor):
            return unsynced(str(error.strerror))
        raise
    finally:
        os.close(descriptor)
    return ''
