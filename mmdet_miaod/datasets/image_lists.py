"""Image lists (text files, one image name per line), read strictly, and the table that holds the names."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ..regular_files import read_bytes

_CHUNK = 65536  # names decoded at a time when the whole table is walked

# Control characters, backslashes, drive letters and empty, '.' or '..' components ('/a', 'a//b', 'a/', './a',
# '../a').
_REFUSED = re.compile(r'[\x00-\x1f\x7f\\]|(?:^|/)\.{0,2}(?:/|$)|^[A-Za-z]:')
# What may stand around a name: str.strip() alone would also take control characters, which are refused.
_SPACES = '\t\r' + ''.join(chr(code) for code in range(0x20, 0x3001) if chr(code).isspace())
_CLASS_LIST_LINE = re.compile(r'\S+[ \t]+(?:-1|0|1)')


@dataclass(frozen=True)
class ImageList:
    """Folders of the images of one list.

    Attributes:
        source: list file (or what else named the images), for messages.
        tag: name of the list in file names, e.g. ``'07'``.
        image_folder: what image names start from; None where names are whole paths.
        annotation_folder: folder of the XML files; None without annotations.
    """

    source: str
    tag: str
    image_folder: str | None
    annotation_folder: str | None = None


class NameTable(Sequence):
    """A read-only list of names in one block of bytes.

    Ten million names of 11 characters take 0.2 GB here and 0.7 GB as a list of ``str``, and worker processes
    share the block instead of copying it when they count references.

    Args:
        names: the names; none may hold a line break.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        joined = '\n'.join(names)
        self._data = joined.encode('utf-8')
        breaks = np.flatnonzero(np.frombuffer(self._data, np.uint8) == 0x0A)
        # Name i lies between break i and break i + 1, its own line break excluded.
        self._breaks = np.concatenate(([-1], breaks, [len(self._data)])) if joined else np.zeros(1, np.int64)

    def __len__(self) -> int:
        return len(self._breaks) - 1

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        return self._data[self._breaks[i] + 1 : self._breaks[i + 1]].decode('utf-8')

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _CHUNK):
            stop = min(start + _CHUNK, len(self))
            yield from self._data[self._breaks[start] + 1 : self._breaks[stop]].decode('utf-8').split('\n')

    def __eq__(self, other: object) -> bool:
        if isinstance(other, NameTable):
            return self._data == other._data
        if isinstance(other, Sequence) and not isinstance(other, (str, bytes)):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        return NotImplemented

    __hash__ = None

    def __repr__(self) -> str:
        shown = ', '.join(map(repr, islice(self, 3)))
        return f'NameTable([{shown}{", ..." if len(self) > 3 else ""}], {len(self)} names)'

    def to_bytes(self, count: int | None = None) -> bytes:
        """All names, or the first ``count`` of them, in UTF-8, joined by line breaks."""
        return self._data if count is None else self._data[: max(self._breaks[count], 0)]

    def lines(self, indices: np.ndarray) -> bytes:
        """Names of ``(n,)`` indices in UTF-8, a line break after each, without a Python loop."""
        starts = self._breaks[indices] + 1
        lengths = self._breaks[np.asarray(indices) + 1] + 1 - starts
        ends = np.cumsum(lengths)
        if not len(ends):
            return b''
        positions = np.repeat(starts - (ends - lengths), lengths) + np.arange(ends[-1])
        # The last name of the table has no line break of its own to copy.
        text = np.frombuffer(self._data, np.uint8).take(positions, mode='clip')
        text[ends - 1] = 0x0A
        return text.tobytes()

    @classmethod
    def concatenate(cls, tables: 'Sequence[NameTable]') -> 'NameTable':
        """Table of the names of all tables, in order."""
        if len(tables) == 1:
            return tables[0]
        joined = cls()
        joined._data = b'\n'.join(table._data for table in tables)
        sizes = [0, *(len(table._data) + 1 for table in tables)]
        starts = np.cumsum(sizes)
        joined._breaks = np.concatenate(
            [[-1], *(table._breaks[1:] + start for table, start in zip(tables, starts[:-1], strict=True))]
        )
        return joined


def name_lines(names: Sequence[str], indices: np.ndarray) -> Iterator[bytes]:
    """Lines of a text file that holds some of the names, in blocks.

    Args:
        names: all names.
        indices: ``(n,)`` which of them, in the order of the lines.

    Yields:
        UTF-8, one name per line, a line break after the last one too.
    """
    for start in range(0, len(indices), _CHUNK):
        chosen = indices[start : start + _CHUNK]
        if isinstance(names, NameTable):
            yield names.lines(chosen)
        else:
            yield ''.join(f'{names[i]}\n' for i in chosen).encode()


def check_name(name: str, where: str, advice: str = '') -> None:
    """Refuse an image name that could leave its folder or that is spelled in more than one way.

    Args:
        name: image name relative to the image folder; sub folders with ``/``.
        where: what the error message starts with, e.g. ``'trainval.txt, line 3'``.
        advice: what to do, in words.

    Raises:
        ValueError: empty or absolute name, ``.`` or ``..`` or empty component, backslash, drive letter or
            control character.
    """
    if _REFUSED.search(name):
        raise ValueError(
            f'{where}: image name {name!r} is refused: a name is a path below the image folder, with "/" '
            'between folders and without "..", ".", backslashes, drive letters or control characters'
            + f'; {advice}'
            * bool(advice)
        )


def text_lines(path: str | Path, errors: str = 'strict') -> list[str]:
    """Lines of a UTF-8 text file without the spaces around them, blank ones left out.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not UTF-8.
    """
    try:
        text = read_bytes(path).decode('utf-8-sig', errors)
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: not UTF-8 ({error})') from None
    return [line.strip(_SPACES) for line in text.split('\n') if line.strip(_SPACES)]


def read_image_list(path: str | Path) -> NameTable:
    """Read an image list: UTF-8, one name per line; spaces around names, blank lines at the end do not count.

    Args:
        path: the list file.

    Returns:
        The names: entry ``i`` is line ``i + 1`` of the file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not UTF-8, empty, a blank line between names, a refused name (:func:`check_name`), or a
            list of one class (``NAME -1|0|1`` in each line). The message names file and line.
    """
    path = Path(path)
    try:
        data = read_bytes(path)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such image list; set data_root or ann_file') from None
    try:
        lines = data.decode('utf-8-sig').rstrip(_SPACES + '\n').split('\n')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: not UTF-8 ({error}); expected a text file, one name per line') from None
    if lines == ['']:
        raise ValueError(f'{path}: the image list is empty; it needs one image name per line')
    _refuse_class_list(lines, path)
    for number, line in enumerate(lines):
        name = line.strip(_SPACES)
        if not name:
            raise ValueError(f'{path}, line {number + 1}: blank line between names; remove it')
        if _REFUSED.search(name):
            check_name(name, f'{path}, line {number + 1}')
        lines[number] = name
    return NameTable(lines)


def refuse_duplicates(walk: Callable[[], Iterable[str]], where: Callable[[int], str]) -> None:
    """Raise at the first entry that is there twice.

    Works on sorted 64-bit hashes (8 bytes per entry, where a set needs 100) and compares entries only where
    hashes agree.

    Args:
        walk: gives a new iterator over all entries; called a second time when hashes agree.
        where: ``where(i)`` says where entry ``i`` comes from, for the message.

    Raises:
        ValueError: an entry is there twice.
    """
    hashes = np.fromiter(map(hash, walk()), np.int64)
    ordered = np.sort(hashes)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return
    first: dict[str, int] = {}
    suspects = np.isin(hashes, repeated)
    for i, entry in enumerate(walk()):
        if suspects[i] and first.setdefault(entry, i) != i:
            raise ValueError(
                f'{where(i)}: {entry} is already there ({where(first[entry])}); '
                'an image may be in the pool once: remove one of the two'
            )


def _refuse_class_list(lines: list[str], path: Path) -> None:
    """VOC's ``<class>_trainval.txt`` lists name every image, followed by whether it shows the class."""
    if all(_CLASS_LIST_LINE.fullmatch(line.strip(_SPACES)) for line in lines):
        raise ValueError(
            f'{path}, line 1: {lines[0].strip()!r} has a second column, as in VOCs lists of one class; '
            'use a list with one name per line (e.g. trainval.txt)'
        )
