"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import stat

import numpy as np
import pytest
import torch

from mmdet_miaod.run import files
from mmdet_miaod.run.file_record import DamagedFileError, hash_file, verify
from mmdet_miaod.run.files import (
    TEMPORARY_PREFIX,
    link_file,
    load_array,
    load_checkpoint,
    remove_file,
    remove_temporary_files,
    save_array,
    save_checkpoint,
    write_json,
    write_text,
)
from mmdet_miaod.run.folder_sync import check_folder_sync, warn_unsynced


def files_of(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_record_of_a_file_is_its_size_and_sha256(tmp_path) -> None:
    record = write_text(tmp_path / 'new' / 'a.txt', 'ä\n')
    content = 'ä\n'.encode()
    assert (tmp_path / 'new' / 'a.txt').read_bytes() == content
    assert (record.size, record.sha256) == (3, hashlib.sha256(content).hexdigest())
    assert hash_file(record.path) == (record.size, record.sha256)
    verify(record)


@pytest.mark.parametrize('operation', ['open', 'write', 'fsync', 'rename'])
def test_a_disk_that_refuses_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, operation) -> None:
    write_text(tmp_path / 'a.txt', 'old')
    perform = files._perform

    def refuse(name, path, action):
        if name == operation:
            raise OSError(28, 'No space left on device')
        return perform(name, path, action)

    monkeypatch.setattr(files, '_perform', refuse)
    with pytest.raises(OSError, match='No space left'):
        write_text(tmp_path / 'a.txt', 'new')
    assert files_of(tmp_path) == ['a.txt']
    assert (tmp_path / 'a.txt').read_text() == 'old'


def test_a_writer_that_fails_leaves_the_old_file(tmp_path) -> None:
    write_json(tmp_path / 'a.json', [1])
    with pytest.raises(ValueError, match='not JSON compliant'):
        write_json(tmp_path / 'a.json', [float('nan')])
    assert json.loads((tmp_path / 'a.json').read_text()) == [1]
    assert files_of(tmp_path) == ['a.json']


def test_damage_is_told_by_kind(tmp_path) -> None:
    record = write_text(tmp_path / 'a.txt', 'abc')
    record.path.write_text('abd')
    with pytest.raises(DamagedFileError, match=r'a\.txt: its content changed'):
        verify(record)
    record.path.write_text('ab')
    with pytest.raises(DamagedFileError, match=r'a\.txt: has 2 bytes instead of 3'):
        verify(record)
    record.path.unlink()
    with pytest.raises(DamagedFileError, match=r'a\.txt: cannot be read'):
        verify(record)


def test_arrays_come_back_and_python_objects_do_not(tmp_path) -> None:
    save_array(tmp_path / 'a.npy', np.array([1.5, np.nan], dtype=np.float32))
    loaded = load_array(tmp_path / 'a.npy')
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, [1.5, np.nan])
    np.save(tmp_path / 'b.npy', np.array([{}], dtype=object))
    (tmp_path / 'c.npy').write_text('no array')
    (tmp_path / 'd.npy').write_bytes(b'')
    for name in 'bcd':
        with pytest.raises(ValueError, match=f'{name}.npy: cannot be read as a plain npy array'):
            load_array(tmp_path / f'{name}.npy')
    with pytest.raises(ValueError, match='allow_pickle'):
        save_array(tmp_path / 'e.npy', np.array([{}], dtype=object))
    assert not (tmp_path / 'e.npy').exists()


def test_checkpoints_come_back_and_code_does_not(tmp_path) -> None:
    weights = {'w': torch.arange(3.0)}
    save_checkpoint(tmp_path / 'a.pth', dict(meta=dict(cycle=1), state_dict=weights))
    loaded = load_checkpoint(tmp_path / 'a.pth')
    assert loaded['meta'] == {'cycle': 1}
    assert loaded['state_dict']['w'].tolist() == [0, 1, 2]

    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'attacked'),)

    (tmp_path / 'b.pth').write_bytes(pickle.dumps({'state_dict': Attack()}))
    torch.save({'state_dict': Attack()}, tmp_path / 'c.pth')
    (tmp_path / 'd.pth').write_bytes((tmp_path / 'a.pth').read_bytes()[:-40])
    for name in 'bcd':
        with pytest.raises(ValueError, match=f'{name}.pth: is no intact checkpoint'):
            load_checkpoint(tmp_path / f'{name}.pth')
    assert not (tmp_path / 'attacked').exists()
    torch.save([1], tmp_path / 'e.pth')
    with pytest.raises(ValueError, match='a checkpoint is a dict, found list'):
        load_checkpoint(tmp_path / 'e.pth')
    with pytest.raises(FileNotFoundError, match=r'f\.pth: no such checkpoint'):
        load_checkpoint(tmp_path / 'f.pth')


def test_a_link_replaces_what_had_the_name_and_outlives_its_source(tmp_path) -> None:
    write_text(tmp_path / 'a', 'a')
    write_text(tmp_path / 'latest', 'old')
    for _ in range(2):  # a second time it is the same file already
        link_file(tmp_path / 'a', tmp_path / 'latest')
    remove_file(tmp_path / 'a')
    remove_file(tmp_path / 'a')
    assert files_of(tmp_path) == ['latest']
    assert (tmp_path / 'latest').read_text() == 'a'


def test_a_disk_without_links_gets_a_copy(tmp_path, monkeypatch) -> None:
    write_text(tmp_path / 'a', 'a')

    def no_links(source, path):
        raise PermissionError(1, 'Operation not permitted')

    monkeypatch.setattr(os, 'link', no_links)
    link_file(tmp_path / 'a', tmp_path / 'b')
    assert (tmp_path / 'b').read_text() == 'a'
    assert files_of(tmp_path) == ['a', 'b']


def test_what_interrupted_writes_left_is_deleted_and_nothing_else(tmp_path) -> None:
    write_text(tmp_path / 'cycle0' / 'kept', 'a')
    (tmp_path / 'cycle0' / f'{TEMPORARY_PREFIX}12-0123456789abcdef').write_text('half')
    (tmp_path / 'cycle0' / f'{TEMPORARY_PREFIX}notes').write_text('mine')
    remove_temporary_files(tmp_path)
    assert files_of(tmp_path / 'cycle0') == [f'{TEMPORARY_PREFIX}notes', 'kept']


def folders_that_fail(monkeypatch, code, times):
    """Let the sync of folders fail so often."""
    sync, left = os.fsync, [times]

    def refuse(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and left[0]:
            left[0] -= 1
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    monkeypatch.setattr(os, 'fsync', refuse)
    warn_unsynced.cache_clear()


@pytest.mark.parametrize('code', [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EIO])
def test_file_systems_that_cannot_sync_folders_are_warned_of_once(tmp_path, monkeypatch, caplog, code):
    folders_that_fail(monkeypatch, code, times=100)
    write_text(tmp_path / 'new' / 'a', 'a')
    link_file(tmp_path / 'new' / 'a', tmp_path / 'new' / 'b')
    assert (tmp_path / 'new' / 'b').read_text() == 'a'
    (warning,) = caplog.messages
    assert warning.startswith(f'the file system cannot sync folders ({os.strerror(code)}): after a power')
    assert check_folder_sync(tmp_path) == warning


@pytest.mark.parametrize('code', [errno.EIO, errno.ENOSPC])
def test_a_disk_that_fails_is_no_file_system_without_sync(tmp_path, monkeypatch, code) -> None:
    folders_that_fail(monkeypatch, code, times=1)
    with pytest.raises(OSError, match=os.strerror(code)):
        write_text(tmp_path / 'a', 'a')
    folders_that_fail(monkeypatch, code, times=1)
    with pytest.raises(OSError, match=os.strerror(code)):
        check_folder_sync(tmp_path)
    assert check_folder_sync(tmp_path) == ''
