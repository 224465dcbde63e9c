"""The finished chunks of a ranking on disk, so that a stopped one resumes."""

import logging
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .checked_json import read_checked_json, write_checked_json
from .file_record import DamagedFileError
from .files import TEMPORARY_PREFIX, remove_file

_HEADER = 'scoring.json'
_CHUNK = re.compile(r'\d{6,}\.json')
_LOGGER = logging.getLogger('mmdet')


class PartialRanking:
    """The finished chunks of a ranking, in the folder ``<out>.partial`` beside the file to come.

    Args:
        path: the file to come.
        identity: what the scores depend on; chunks made with anything else are not used.
    """

    def __init__(self, path: str | Path, identity: dict[str, Any]) -> None:
        self.folder = Path(f'{path}.partial')
        self._identity = identity
        self._next = 0
        self.entries: dict[str, dict[str, Any]] = {}

    def open(self) -> bool:
        """Read what an earlier call left; returns whether its chunks could be used.

        Chunks that are damaged are deleted, so that their images are scored again.

        Raises:
            FileExistsError: the folder has, or is, something that no ranking left.
        """
        chunks = self._chunks()
        if not self._fits():
            for chunk in chunks:
                remove_file(chunk)
            write_checked_json(self.folder / _HEADER, self._identity)
            return not chunks
        for chunk in chunks:
            self._next = int(chunk.stem) + 1
            try:
                for entry in read_checked_json(chunk)['entries']:
                    if entry.pop('file') == file_state(entry['image']):
                        self.entries[entry['image']] = entry
            except (DamagedFileError, KeyError) as error:
                _LOGGER.warning('%s; its images are scored again.', error)
                remove_file(chunk)
        return True

    def add(self, entries: Sequence[dict[str, Any]]) -> None:
        """Save a chunk."""
        kept = [dict(entry, file=file_state(entry['image'])) for entry in entries]
        write_checked_json(self.folder / f'{self._next:06d}.json', dict(entries=kept))
        self._next += 1
        self.entries.update({entry['image']: entry for entry in entries})

    def close(self) -> None:
        """Delete the chunks: the ranking is written."""
        for path in (*self._chunks(), self.folder / _HEADER):
            remove_file(path)
        with suppress(OSError):  # what a stopped call was writing is still there
            self.folder.rmdir()

    def _fits(self) -> bool:
        try:
            return read_checked_json(self.folder / _HEADER) == self._identity
        except (FileNotFoundError, DamagedFileError):
            return False

    def _chunks(self) -> list[Path]:
        if not os.path.lexists(self.folder):
            return []
        names = os.listdir(self.folder) if self.folder.is_dir() and not self.folder.is_symlink() else ['']
        others = [name for name in names if not self._is_own(name)]
        if others:
            raise FileExistsError(
                f'{self.folder / others[0]}: is no part of a ranking, whose parts are kept in that folder; '
                'choose another --out'
            )
        chunks = [self.folder / name for name in names if _CHUNK.fullmatch(name)]
        return sorted(chunks, key=lambda path: int(path.stem))

    def _is_own(self, name: str) -> bool:
        path = self.folder / name
        known = name == _HEADER or _CHUNK.fullmatch(name) or name.startswith(TEMPORARY_PREFIX)
        return bool(known) and path.is_file() and not path.is_symlink()


def file_state(path: str) -> list[int]:
    """What changes when a file is written again: its size and time; ``[]`` when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]
