"""Reading image lists and holding their names."""

import pickle

import numpy as np
import pytest

from mmdet_miaod.datasets import image_lists
from mmdet_miaod.datasets.image_lists import (
    NameTable,
    check_name,
    name_lines,
    read_image_list,
    refuse_duplicates,
    text_lines,
)
from tests.datasets.voc_tree import write_list


@pytest.mark.parametrize('names', [[], ['a'], ['000005', 'b/ä', '日本 1'], [str(i) for i in range(70000)]])
def test_name_table_is_the_list_it_was_made_of(names):
    table = NameTable(names)
    assert len(table) == len(names)
    assert list(table) == names
    assert table == names
    assert table[:3] == names[:3]
    assert [table[i] for i in range(len(table))] == names
    assert [table[i - len(table)] for i in range(len(table))] == names
    assert pickle.loads(pickle.dumps(table)) == table


def test_name_table_refuses_indices_beyond_it():
    table = NameTable(['a', 'b'])
    assert table[np.int64(1)] == 'b'
    for index in (2, -3):
        with pytest.raises(IndexError):
            table[index]


def test_concatenated_tables():
    parts = [NameTable(['a', 'bc']), NameTable(['ü']), NameTable(['d', 'e', 'f'])]
    joined = NameTable.concatenate(parts)
    assert joined == ['a', 'bc', 'ü', 'd', 'e', 'f']
    assert [joined[i] for i in range(6)] == ['a', 'bc', 'ü', 'd', 'e', 'f']
    assert joined == NameTable(['a', 'bc', 'ü', 'd', 'e', 'f'])
    assert joined != NameTable(['a', 'bc', 'ü', 'd', 'e'])


@pytest.mark.parametrize(
    'text',
    ['a\nb 1\nsub/c\n', 'a\r\nb 1\r\nsub/c\r\n', '\ufeffa\n  b 1 \nsub/c', b'a\nb 1\nsub/c\n\n\n'],
)
def test_list_is_read_line_by_line(tmp_path, text):
    assert read_image_list(write_list(tmp_path / 'l.txt', text)) == ['a', 'b 1', 'sub/c']


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'is empty'),
        ('\n \n', 'is empty'),
        (b'a\n\xff\xfeb', 'not UTF-8'),
        ('a\n\nb', 'line 2: blank line'),
        ('\na', 'line 1: blank line'),
        ('a -1\nb  1\nc  0\n', 'line 1: .*second column'),
        ('a\n../b\n', "line 2: image name '../b'"),
        ('a\nb\n/etc/passwd\n', 'line 3'),
        ('a\nb/../../c', 'line 2'),
        ('a\nb\\..\\c', 'line 2'),
        ('a\nb\0.jpg', 'line 2'),
        ('C:/a', 'line 1'),
        ('a\tb', 'line 1'),
        ('./a', 'line 1'),
        ('a//b', 'line 1'),
        ('a/', 'line 1'),
        ('..', 'line 1'),
    ],
)
def test_malformed_list_is_refused_with_file_and_line(tmp_path, text, message):
    path = write_list(tmp_path / 'names.txt', text)
    with pytest.raises(ValueError, match=rf'names\.txt.*{message}'):
        read_image_list(path)


def test_missing_list_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone\.txt.*data_root'):
        read_image_list(tmp_path / 'gone.txt')


@pytest.mark.parametrize('name', ['000005', 'a..b', '..a', 'a/...b/c', '.hidden', 'it is: one', 'ünï'])
def test_harmless_names_pass(name):
    check_name(name, 'list')


def test_duplicates_are_found_and_located():
    names = [f'{i:06d}' for i in range(1000)]
    refuse_duplicates(lambda: names, str)
    names[700] = names[3]
    with pytest.raises(ValueError, match=r'^700: 000003 is already there \(3\)'):
        refuse_duplicates(lambda: names, str)


NAMES = ['000001', 'ü/ß', 'a', '2008_000003', 'letzte-日本']


@pytest.mark.parametrize('indices', [[], [0], [4], [0, 1, 2, 3, 4], [1, 3], [4, 0, 4]])
@pytest.mark.parametrize('names', [NAMES, NameTable(NAMES)])
def test_lines_are_the_chosen_names_in_order(monkeypatch, names, indices) -> None:
    monkeypatch.setattr(image_lists, '_CHUNK', 2)
    chosen = np.array(indices, dtype=np.int64)
    text = b''.join(name_lines(names, chosen)).decode()
    assert text == ''.join(f'{NAMES[i]}\n' for i in indices)


def test_lines_of_joined_tables() -> None:
    table = NameTable.concatenate([NameTable(NAMES), NameTable(['x', 'yy'])])
    assert table.lines(np.array([4, 5, 6])).decode() == 'letzte-日本\nx\nyy\n'


def test_lines_of_any_text_file_lose_their_spaces_and_blank_ones_are_left_out(tmp_path):
    assert text_lines(write_list(tmp_path / 'classes.txt', '\ufeff cat\r\n\n  dog house \n')) == [
        'cat', 'dog house',
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r'classes\.txt: not UTF-8'):
        text_lines(write_list(tmp_path / 'classes.txt', b'\xff\xfe'))
