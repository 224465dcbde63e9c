"""Exports that somebody or something damaged, read as an import does."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmdet_miaod.annotation.answers import Answers, compare
from mmdet_miaod.annotation.formats import read_annotation_file
from tests.annotation.batches import make_batch

BATCH = make_batch(3, 2)
UIDS = [image.uid for image in BATCH.images]
NAMES = [image.file_name for image in BATCH.images]


def read(path: Path, first_pixel: int | None = None) -> Answers:
    """Compare a file with the batch; the person looked at every image."""
    found = read_annotation_file(path, BATCH, first_pixel)
    return compare(BATCH, found, str(path), all_reviewed=True)


def box_counts(answers: Answers) -> list[int]:
    """Boxes per image of the batch."""
    return [len(answers.by_uid[uid].boxes) for uid in UIDS]


def check_refused(path: Path, messages: list[str], first_pixel: int | None = None) -> None:
    """Check that a file is refused with a message that names it and has some words."""
    with pytest.raises(ValueError, match=path.name) as caught:
        read(path, first_pixel)
    for message in messages:
        assert message in str(caught.value)


def save(path: Path, content: str | bytes) -> Path:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
