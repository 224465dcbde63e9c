"""Annotation files that mean harm, or are none."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from pathlib import Path

import pytest

from mmdet_miaod.annotation import sources
from mmdet_miaod.annotation.formats import read_annotation_file
from tests.annotation.batches import accepted_tasks, make_batch

BATCH = make_batch(2, 1)


def _read(path: Path) -> None:
    read_annotation_file(path, BATCH)


def test_two_gigabytes_are_refused_by_their_size(tmp_path) -> None:
    path = tmp_path / 'export.json'
    with path.open('wb') as file:
        file.truncate(2 << 30)
    with pytest.raises(ValueError, match=r'export.json: has 2,147,483,648 bytes'):
        _read(path)


def test_a_large_xml_file_is_refused_by_its_size(tmp_path) -> None:
    path = tmp_path / 'export.xml'
    with path.open('wb') as file:
        file.truncate(1 << 30)
    with pytest.raises(ValueError, match='more than the 134,217,728'):
        _read(path)


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'no well-formed JSON'),
        (b'[', 'no well-formed JSON'),
        (b'[' * 100_000, 'no well-formed JSON'),
        (b'{"a": NaN}', 'NaN is no JSON'),
        (b'{"a": 1, "a": 2}', 'has a name twice'),
        (b'[' + b'9' * 5000 + b']', 'no well-formed JSON'),
        (b'\xff\xfe[\x00]\x00', 'not UTF-8'),
        (b'{}', 'no export of Label Studio'),
        (b'null', 'no export of Label Studio'),
        (b'{"tasks": [], "total": 0}', 'no export of Label Studio'),
        (b'[]', 'has no image of batch'),
        (b'[[]]', 'task 1 has no "data"'),
    ],
)
def test_json_that_is_no_export_is_refused(tmp_path, content: bytes, message: str) -> None:
    from mmdet_miaod.annotation.answers import compare

    path = tmp_path / 'export.json'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        compare(BATCH, read_annotation_file(path, BATCH), str(path))
    assert 'export.json' in str(error.value)


def test_a_byte_order_mark_does_not_matter(tmp_path) -> None:
    path = tmp_path / 'export.json'
    path.write_bytes(b'\xef\xbb\xbf' + json.dumps(accepted_tasks(BATCH)).encode())
    assert len(read_annotation_file(path, BATCH).images) == 2


BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><annotations>&c;</annotations>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotations>&b;</annotations>'


@pytest.mark.parametrize('text', [BOMB, OUTSIDE, '<!DOCTYPE annotations><annotations/>'])
def test_xml_with_a_dtd_or_entities_is_refused(tmp_path, text: str) -> None:
    path = tmp_path / 'annotations.xml'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'annotations.xml: DTDs and entities are refused'):
        _read(path)


@pytest.mark.parametrize('text', ['', '<annotations>', '<?xml version="1.0" encoding="odd"?><annotations/>'])
def test_broken_xml_is_refused(tmp_path, text: str) -> None:
    path = tmp_path / 'annotations.xml'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'annotations.xml: is no well-formed XML'):
        _read(path)


@pytest.mark.parametrize(
    'name',
    [
        '../annotations.xml',
        '/etc/a.xml',
        'a/../../b.xml',
        '..\\a.xml',
        '\\\\host\\a.xml',
        'C:\\a.xml',
        'C:/a.xml',
    ],
)
def test_an_archive_that_climbs_out_is_refused_and_writes_nothing(tmp_path, name: str) -> None:
    path = tmp_path / 'in' / 'export.zip'
    path.parent.mkdir()
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('annotations.xml', '<annotations/>')
        archive.writestr(name, 'harm')
    with pytest.raises(ValueError, match='leads out of the archive'):
        _read(path)
    assert [entry.name for entry in tmp_path.rglob('*')] == ['in', 'export.zip']


def test_a_symbolic_link_in_an_archive_is_refused(tmp_path) -> None:
    entry = zipfile.ZipInfo('annotations.xml')
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / 'export.zip', 'w') as archive:
        archive.writestr(entry, '/etc/passwd')
    with pytest.raises(ValueError, match='is a symbolic link'):
        _read(tmp_path / 'export.zip')


def test_an_archive_that_unpacks_to_more_than_is_read_is_refused(tmp_path, monkeypatch) -> None:
    with zipfile.ZipFile(tmp_path / 'export.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f'{number}.json', b' ' * 1000)
    monkeypatch.setattr(sources, 'MAX_JSON_BYTES', 2500)
    with pytest.raises(ValueError, match='unpacks to 3,000 bytes'):
        _read(tmp_path / 'export.zip')


def test_an_archive_that_lies_about_its_size_is_refused(tmp_path) -> None:
    path = tmp_path / 'export.zip'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('a.json', b' ' * 100_000)
    content = path.read_bytes()
    path.write_bytes(content.replace((100_000).to_bytes(4, 'little'), (10).to_bytes(4, 'little')))
    with pytest.raises(ValueError, match='cannot be unpacked'):
        _read(path)


def test_too_many_files_in_an_archive_are_refused(tmp_path, monkeypatch) -> None:
    with zipfile.ZipFile(tmp_path / 'export.zip', 'w') as archive:
        for number in range(4):
            archive.writestr(f'{number}.png', b'')
    monkeypatch.setattr(sources, 'MAX_ENTRIES', 3)
    with pytest.raises(ValueError, match='has 4 files, more than 3'):
        _read(tmp_path / 'export.zip')


def test_a_name_that_is_there_twice_is_refused(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / 'export.zip', 'w') as archive:
        archive.writestr('annotations.xml', '<annotations/>')
        with pytest.warns(UserWarning, match='Duplicate'):
            archive.writestr('annotations.xml', '<annotations/>')
    with pytest.raises(ValueError, match='is there twice'):
        _read(tmp_path / 'export.zip')


@pytest.mark.parametrize('cut', [0, 10, 60, -10])
def test_a_damaged_archive_is_refused(tmp_path, cut: int) -> None:
    path = tmp_path / 'export.zip'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('annotations.xml', json.dumps(list(range(500))))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r'export.zip: cannot be unpacked'):
        _read(path)


def test_a_file_that_is_a_folder_elsewhere_in_the_archive_is_refused(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / 'export.zip', 'w') as archive:
        archive.writestr('a.xml', '<annotations/>')
        archive.writestr('a.xml/b.xml', '<annotations/>')
    with pytest.raises(ValueError, match='cannot be unpacked'):
        _read(tmp_path / 'export.zip')


def test_errors_name_the_archive_and_not_where_it_was_unpacked(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / 'export.zip', 'w') as archive:
        archive.writestr('annotations.xml', '<annotations>')
    with pytest.raises(ValueError, match=r'export.zip, annotations.xml: is no well-formed XML'):
        _read(tmp_path / 'export.zip')


def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / 'export.json')
    with pytest.raises(ValueError, match='is a pipe'):
        _read(tmp_path / 'export.json')


@pytest.mark.parametrize('name', ['export.csv', 'export.tsv', 'export.conll', 'export.parquet', 'export'])
def test_other_formats_are_refused_with_those_that_are_read(tmp_path, name: str) -> None:
    (tmp_path / name).write_text('a,b\n')
    with pytest.raises(ValueError, match='is of no format that is read: Label Studio JSON'):
        _read(tmp_path / name)


def test_what_is_not_there_and_what_is_empty_is_said(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match='no such file or folder'):
        _read(tmp_path / 'no.json')
    with pytest.raises(ValueError, match='has nothing that is read'):
        _read(tmp_path)
    (tmp_path / 'obj.names').write_text('nut')
    with pytest.raises(ValueError, match='Ultralytics YOLO'):
        _read(tmp_path)


def test_two_annotation_files_in_a_folder_are_not_chosen_from(tmp_path) -> None:
    for name in ('a.json', 'b.json'):
        (tmp_path / name).write_text('[]')
    with pytest.raises(ValueError, match='has 2 annotation files'):
        _read(tmp_path)
