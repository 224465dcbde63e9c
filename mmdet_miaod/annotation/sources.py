"""Annotation files from anywhere: read within bounds, archives unpacked only where they are harmless."""

import json
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ..regular_files import read_bytes

# A thousand images with a thousand boxes each have about half of it in any format.
MAX_JSON_BYTES = 512 << 20
MAX_XML_BYTES = 128 << 20
MAX_TEXT_BYTES = 8 << 20
MAX_ENTRIES = 100_000
# Folders that formats have at their top.
_PARTS = ('annotations', 'Annotations', 'labels')
# The pictures of an archive are not wanted, nor what file managers add.
_TEXT_SUFFIXES = ('.json', '.xml', '.txt', '.yaml', '.yml', '.names', '.data')


def read_text(path: Path, most: int = MAX_TEXT_BYTES) -> str:
    """Read a UTF-8 text file, with or without a byte order mark.

    Raises:
        FileNotFoundError, ValueError: there is none, it is no regular file, too large, or not UTF-8.
    """
    try:
        return read_bytes(path, most).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: is not UTF-8 text ({error})') from None


def read_json(path: Path) -> Any:
    """Read a JSON file; names that are there twice in one object and NaN are refused.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_text`, or when it is not well-formed.
    """
    text = read_text(path, MAX_JSON_BYTES)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path}: is no well-formed JSON ({error})') from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f'an object has a name twice, among {[name for name, _ in pairs][:20]}')
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f'{text} is no JSON')


def read_xml(path: Path) -> Element:
    """Read an XML file; DTDs and entities are refused.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_text`, or when it is not well-formed.
    """
    content = read_bytes(path, MAX_XML_BYTES)
    try:
        return fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise ValueError(f'{path}: DTDs and entities are refused ({error})') from None
    except (ParseError, ValueError, LookupError) as error:  # LookupError: unknown encodings
        raise ValueError(f'{path}: is no well-formed XML ({error})') from None


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give an archive's text files as a folder, for as long as the context lasts; anything else as it is.

    Raises:
        FileNotFoundError: when there is nothing at ``path``.
        ValueError: when the archive is damaged, too large, or a name in it leads out of it. Errors that are
            raised within the context name the archive in place of the folder.
    """
    if not path.exists():
        raise FileNotFoundError(f'{path}: no such file or folder')
    if path.is_dir() or not (path.suffix.lower() == '.zip' or (path.is_file() and zipfile.is_zipfile(path))):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix='annotations-') as folder:
        try:
            _unpack(path, Path(folder))
            yield _only_folder(Path(folder))
        except (ValueError, FileNotFoundError) as error:
            message = str(error).replace(f'{folder}/', f'{path}, ').replace(folder, str(path))
            raise type(error)(message) from None


def _only_folder(folder: Path) -> Path:
    """Return the folder that was packed, where a folder was packed in place of its files."""
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_dir() and inside[0].name not in _PARTS:
        return _only_folder(inside[0])
    return folder


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_ENTRIES:
                raise ValueError(f'{path}: has {len(entries):,} files, more than {MAX_ENTRIES:,}')
            for entry in entries:
                _check_entry(path, entry)
            wanted = [entry for entry in entries if _is_wanted(entry.filename)]
            nested = [entry.filename for entry in entries if entry.filename.lower().endswith('.zip')]
            if nested and not wanted:
                raise ValueError(f'{path}: has archives in it, such as {nested[0]!r}: give one of these')
            if len({entry.filename for entry in wanted}) != len(wanted):
                raise ValueError(f'{path}: a file name is there twice')
            if (size := sum(entry.file_size for entry in wanted)) > MAX_JSON_BYTES:
                raise ValueError(f'{path}: unpacks to {size:,} bytes, more than {MAX_JSON_BYTES:,}')
            for entry in wanted:
                target = folder / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as packed, target.open('xb') as file:
                    # zipfile stops at the size that the entry states, which was added up above.
                    shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        # RuntimeError: a password; NotImplementedError: a compression that is not known; OSError: a file
        # where another entry has a folder.
        raise ValueError(f'{path}: cannot be unpacked ({error})') from None


def _is_wanted(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return name.lower().endswith(_TEXT_SUFFIXES) and parts[0] != '__MACOSX' and not parts[-1].startswith('.')


def _check_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = PurePosixPath(name.replace('\\', '/')).parts
    drive = bool(parts) and ':' in parts[0]
    if not parts or name.startswith(('/', '\\')) or '..' in parts or drive or '\0' in name:
        raise ValueError(f'{path}: {name!r} leads out of the archive; it is refused')
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ValueError(f'{path}: {name!r} is a symbolic link; it is refused')
