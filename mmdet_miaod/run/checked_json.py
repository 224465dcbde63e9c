"""JSON files that carry the checksum of their own content."""

import hashlib
import json
from pathlib import Path
from typing import Any

from ..regular_files import read_text
from .file_record import DamagedFileError, FileRecord
from .files import write_json

_KEY = 'content_sha256'


def content_sha256(content: dict[str, Any]) -> str:
    """Return the SHA-256 of plain values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def write_checked_json(path: str | Path, content: dict[str, Any]) -> FileRecord:
    """Write a dict whole or not at all, with the checksum of its content."""
    return write_json(path, {**content, _KEY: content_sha256(content)})


def read_checked_json(path: str | Path) -> dict[str, Any]:
    """Read what :func:`write_checked_json` wrote.

    Raises:
        FileNotFoundError: when there is no such file.
        DamagedFileError: when it is not what was written.
    """
    try:
        content = json.loads(read_text(path))
        if content.pop(_KEY) != content_sha256(content):
            raise ValueError('its checksum does not fit its content')
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such file') from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f'{path}: is damaged ({error!r})') from error
    return content
