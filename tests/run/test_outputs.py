"""What a person names to be written is neither what is read nor anything that was not made here."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mmdet_miaod.run.outputs import MARK, check_outputs, claimed


def test_a_new_file_and_an_own_one_may_be_written(tmp_path) -> None:
    own = tmp_path / 'own.txt'
    own.write_bytes(bytes(9000) + MARK.encode())
    check_outputs([tmp_path / 'new.txt', own], [tmp_path / 'model.pth'])


@pytest.mark.parametrize('content', [b'', b'mine', bytes(5000) + MARK.encode() + bytes(5000)])
def test_a_file_of_anybody_else_may_not(tmp_path, content) -> None:
    (tmp_path / 'a').write_bytes(content)
    with pytest.raises(FileExistsError, match=r'a: is there already and was not made by this command'):
        check_outputs([tmp_path / 'new', tmp_path / 'a'])


@pytest.mark.parametrize('kind', ['symlink_to', 'hardlink_to'])
def test_what_is_read_may_not_by_no_name(tmp_path, kind) -> None:
    (tmp_path / 'read').write_text(MARK)
    getattr(tmp_path / 'other', kind)(tmp_path / 'read')
    for name in ('read', 'other'):
        with pytest.raises(FileExistsError, match=f'{name}: is what the command reads'):
            check_outputs([tmp_path / name], [tmp_path / 'missing', tmp_path / 'read'])


def test_folders_devices_and_links_to_nowhere_may_not(tmp_path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'link').symlink_to(tmp_path / 'nowhere')
    for path in (tmp_path, tmp_path / 'pipe', tmp_path / 'link', '/dev/null'):
        with pytest.raises(FileExistsError, match='is there already'):
            check_outputs([path])


def test_a_file_is_written_by_one_process_at_a_time(tmp_path) -> None:
    path = tmp_path / 'sub' / 'a.csv'
    code = f'from mmdet_miaod.run.outputs import claimed\nwith claimed({str(path)!r}): pass'
    with claimed(path):
        with claimed(tmp_path / 'sub' / 'b.csv'):
            pass
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
        assert done.returncode == 1
        assert f'{path}: another process is writing it (process {os.getpid()} on ' in done.stderr
    assert list(path.parent.iterdir()) == []
    with claimed(path):
        pass
