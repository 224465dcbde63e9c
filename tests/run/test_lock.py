"""The lock of a run directory."""

import errno
import fcntl
import os

import pytest

from mmdet_miaod.run.lock import lock_run
from mmdet_miaod.run.log import run_log_and_lock


@pytest.fixture
def without_locks(monkeypatch):
    """A file system that answers every lock with an error."""

    def refuse_with(code):
        def refuse(descriptor, operation):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(fcntl, 'flock', refuse)

    return refuse_with


@pytest.mark.parametrize('code', [errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.ENOLCK])
def test_a_file_system_without_locks_is_warned_of(tmp_path, without_locks, code):
    without_locks(code)
    lock = lock_run(tmp_path)
    assert f'{tmp_path}: the file system has no locks ({os.strerror(code)}): nothing keeps' in lock.warning
    lock.release()


def test_a_run_without_a_lock_goes_on_and_its_log_says_so(tmp_path, without_locks):
    without_locks(errno.ENOSYS)
    with run_log_and_lock(tmp_path, '1', 'INFO', None) as logger:
        logger.info('trained')
    lines = (tmp_path / '1.log').read_text().splitlines()
    assert len(lines) == 2
    assert 'the file system has no locks (Function not implemented)' in lines[0]


def test_a_lock_that_works_has_no_warning(tmp_path):
    lock = lock_run(tmp_path)
    assert lock.warning == ''
    lock.release()


def test_any_other_error_of_a_lock_stops(tmp_path, without_locks):
    without_locks(errno.EIO)
    with pytest.raises(OSError, match='the lock cannot be taken'):
        lock_run(tmp_path)
