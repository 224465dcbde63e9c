"""Files that people give have to be files."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from mmdet_miaod import regular_files
from mmdet_miaod.regular_files import IrregularFileError, open_regular, read_bytes, read_json, read_text


def irregular(folder: Path) -> dict[str, Path]:
    """One of each kind of what is no regular file."""
    paths = {kind: folder / kind for kind in ('pipe', 'folder', 'socket')}
    os.mkfifo(paths['pipe'])
    paths['folder'].mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(paths['socket']))
    return {**paths, 'device': Path('/dev/zero')}


@pytest.mark.parametrize('kind', ['pipe', 'folder', 'socket', 'device'])
def test_only_regular_files_are_opened(tmp_path, kind) -> None:
    path = irregular(tmp_path)[kind]
    for read in (open_regular, read_bytes, read_text, read_json):
        with pytest.raises(IrregularFileError, match=f'{path}: is a {kind}'):
            read(path)
    link = tmp_path / 'link'
    link.symlink_to(path)
    with pytest.raises(IrregularFileError, match=f'{link}: is a {kind}'):
        read_bytes(link)


def test_sizes_are_bounded(tmp_path) -> None:
    path = tmp_path / 'sparse'
    with path.open('wb') as file:
        file.truncate(1 << 40)
    with pytest.raises(IrregularFileError, match='more than the'):
        read_bytes(path)
    path.write_bytes(b'abcd')
    assert read_bytes(path, 4) == b'abcd'
    with pytest.raises(IrregularFileError, match=r'has 4 bytes, more than the 3'):
        read_bytes(path, 3)


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(tmp_path, monkeypatch) -> None:
    os.mkfifo(tmp_path / 'pipe')
    monkeypatch.setattr(regular_files, 'check_regular', lambda path, most: None)
    with pytest.raises(IrregularFileError, match='is a pipe'):
        open_regular(tmp_path / 'pipe')


def test_missing_files_and_broken_text_are_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r'gone: no such file'):
        read_text(tmp_path / 'gone')
    (tmp_path / 'a.json').write_text('[' * 100_000)
    with pytest.raises(ValueError, match=r'a\.json: its JSON is nested too deep'):
        read_json(tmp_path / 'a.json')
    (tmp_path / 'a.json').write_text('{"a": }')
    with pytest.raises(ValueError, match=r'a\.json: is no well-formed JSON'):
        read_json(tmp_path / 'a.json')
    (tmp_path / 'a.json').write_bytes(b'\xef\xbb\xbfa\r\nb')
    assert read_text(tmp_path / 'a.json', encoding='utf-8-sig') == 'a\nb'
