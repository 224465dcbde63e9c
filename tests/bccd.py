"""BCCD, real photographs with boxes, where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tiny_run import REPOSITORY


def bccd_folder() -> Path | None:
    """The folder of BCCD, or None."""
    beside = REPOSITORY.parent.glob('*/data/bccd')
    for candidate in (os.environ.get('MIAOD_BCCD'), REPOSITORY / 'data/bccd', *beside):
        if candidate and (Path(candidate) / 'VOC2007' / 'ImageSets').is_dir():
            return Path(candidate).resolve()
    return None


BCCD = bccd_folder()
needs_bccd = pytest.mark.skipif(BCCD is None, reason='no BCCD in MIAOD_BCCD, data/bccd or ../*/data/bccd')
