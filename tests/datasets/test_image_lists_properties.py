"""Properties of image lists and of the table of their names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mmdet_miaod.datasets.image_lists import NameTable, name_lines, read_image_list, refuse_duplicates

PROPERTY = settings(max_examples=150, deadline=None, derandomize=True)
CHARACTERS = st.characters(exclude_categories=('Cs', 'Cc'), exclude_characters='/\\')
PARTS = st.text(CHARACTERS, min_size=1, max_size=6) | st.sampled_from(
    ['000005', '...', '.a', 'a b', '\u3000']
)
NAMES = st.lists(PARTS, min_size=1, max_size=3).map('/'.join)
FLAWS = st.sampled_from(['', '.', '..', 'a\\b', '\\', 'a\0', 'a\x1f', '\x7f', 'a\tb', 'a\v', '\x1ca'])
EDGES = st.sampled_from(['', '', ' ', '\t ', '\u3000'])
ENDS, MARKS = st.sampled_from(['\n', '\r\n']), st.sampled_from(['', '\ufeff'])


def is_one_name(name: str) -> bool:
    """Whether a name means one file below a folder, spelled in one way: without the reader's expression."""
    drive = len(name) > 1 and name[1] == ':' and name[0].isascii() and name[0].isalpha()
    parts_are_plain = not set(name.split('/')) & {'', '.', '..'}
    return name == name.strip() and parts_are_plain and not drive and '\\' not in name


def is_class_list(names: list[str]) -> bool:
    return all(len(name.split()) == 2 and re.search(r'[ \t](-1|0|1)$', name) for name in names)


VALID = NAMES.filter(is_one_name)
LINES = st.lists(st.tuples(EDGES, VALID, EDGES), min_size=1, max_size=6)


@pytest.fixture(scope='module')
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('lists') / 'names.txt'


@PROPERTY
@given(LINES, ENDS, EDGES, MARKS)
@example([('', 'a\u2028b', ''), ('', 'c', '\u00a0'), ('', 'e f 1', '')], '\n', '', '')
def test_the_names_of_a_list_come_back(path, lines, end, last, mark) -> None:
    names = [name for _, name, _ in lines]
    assume(not is_class_list(names))
    path.write_bytes(f'{mark}{end.join(map("".join, lines))}{end}{last}{end}'.encode())
    assert list(read_image_list(path)) == names


@PROPERTY
@given(st.lists(VALID, max_size=3), st.lists(PARTS, max_size=1), FLAWS, st.lists(PARTS, max_size=1))
def test_a_flawed_name_is_refused_by_its_line(path, before, left, flaw, right) -> None:
    flawed = '/'.join([*left, flaw, *right])
    path.write_bytes('\n'.join([*before, flawed, 'a']).encode())
    with pytest.raises(ValueError, match=re.escape(f'{path}, line {len(before) + 1}: ')):
        read_image_list(path)


@PROPERTY
@given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
def test_any_file_is_a_list_of_names_or_refused(path, content) -> None:
    path.write_bytes(content)
    try:
        names = list(read_image_list(path))
    except ValueError as error:
        message = str(error)
    else:
        message = f'{path}'
        assert names
        assert all(is_one_name(name) and not re.search(r'[\x00-\x1f\x7f]', name) for name in names)
    assert message.startswith(str(path))


@PROPERTY
@given(st.lists(st.lists(VALID, min_size=1, max_size=5), min_size=1, max_size=4), st.data())
def test_a_table_is_the_list_of_its_names(lists, data) -> None:
    names = [name for part in lists for name in part]
    table = NameTable.concatenate([NameTable(part) for part in lists])
    assert list(table) == names and table == NameTable(names)
    cut = data.draw(st.slices(len(names)))
    assert table[cut] == names[cut]
    chosen = np.array(data.draw(st.lists(st.integers(0, len(names) - 1), max_size=6)), dtype=np.int64)
    lines = [f'{names[i]}\n'.encode() for i in chosen]
    assert b''.join(name_lines(table, chosen)) == b''.join(name_lines(names, chosen)) == b''.join(lines)


@PROPERTY
@given(st.lists(st.sampled_from('abcdefgh'), max_size=8))
def test_the_first_repeated_entry_is_named(entries) -> None:
    repeated = [i for i, entry in enumerate(entries) if entry in entries[:i]]
    if repeated:
        first = entries.index(entries[repeated[0]])
        message = rf'^{repeated[0]}: {entries[first]} is already there \({first}\)'
        with pytest.raises(ValueError, match=message):
            refuse_duplicates(lambda: entries, str)
    else:
        refuse_duplicates(lambda: entries, str)
