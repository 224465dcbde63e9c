"""BCCD, real photographs with boxes, where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tiny_run import REPOSITORY


def bccd_folder() -> Path | None:
    """The folder of BCCD, or None."""
    candidates = [os.environ.get('MIAOD_BCCD'), REPOSITORY / 'data/bccd', REPOSITORY / '../shared/data/bccd']
    for candidate in candidates:
        if candidate and (Path(candidate) / 'VOC2007' / 'ImageSets').is_dir():
            return Path(candidate).resolve()
    return None


BCCD = bccd_folder()
needs_bccd = pytest.mark.skipif(
    BCCD is None, reason='no BCCD in MIAOD_BCCD, data/bccd or ../shared/data/bccd'
)
