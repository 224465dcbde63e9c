"""A ranking of images on disk: made chunk by chunk, gone on with where it stopped, written as CSV or JSON."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ..datasets.image_index import ImageIndex
from ..run.file_record import hash_file
from ..run.files import remove_file, write_json
from .inference import exif_of, predict_batches

_HEADER = 'scoring.json'


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
        """Read what an earlier sitting left; returns whether its chunks could be used."""
        chunks = sorted(self.folder.glob('[0-9]*.json'))
        try:
            fits = json.loads((self.folder / _HEADER).read_text(encoding='utf-8')) == self._identity
        except (OSError, ValueError):
            fits = False
        if not fits:
            for chunk in chunks:
                remove_file(chunk)
            write_json(self.folder / _HEADER, self._identity)
            return not chunks
        for chunk in chunks:
            self._next = int(chunk.stem) + 1
            for entry in json.loads(chunk.read_text(encoding='utf-8')):
                if entry.pop('file') == file_state(entry['image']):
                    self.entries[entry['image']] = entry
        return True

    def add(self, entries: Sequence[dict[str, Any]]) -> None:
        """Save a chunk."""
        kept = [dict(entry, file=file_state(entry['image'])) for entry in entries]
        write_json(self.folder / f'{self._next:06d}.json', kept)
        self._next += 1
        self.entries.update({entry['image']: entry for entry in entries})

    def close(self) -> None:
        """Delete the chunks: the ranking is written."""
        shutil.rmtree(self.folder, ignore_errors=True)


def file_state(path: str) -> list[int]:
    """What changes when a file is written again: its size and time; ``[]`` when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def scoring_identity(model: nn.Module, checkpoint: str | Path) -> dict[str, Any]:
    """What the scores of a model depend on."""
    config = model.cfg
    parts = [config.model, config.data.pool.score_pipeline, model.uncertainty_k]
    text = json.dumps(parts, sort_keys=True, default=str)
    return dict(
        checkpoint=hash_file(checkpoint)[1], config=hashlib.sha256(text.encode()).hexdigest(), format=1
    )


def rank_files(
    model: nn.Module,
    files: Sequence[str],
    partial: PartialRanking | None = None,
    batch_size: int = 2,
    workers: int = 0,
    chunk_size: int = 256,
    on_progress: Callable[[int], None] = lambda count: None,
) -> list[dict[str, Any]]:
    """Score images and rank them.

    Args:
        model: from :func:`~mmdet_miaod.apis.init_detector`.
        files: readable image files.
        partial: where finished chunks are kept, and what it has already is taken from.
        batch_size: largest number of images in a batch.
        workers: loader processes.
        chunk_size: about how many images are lost at most when the scoring is stopped.
        on_progress: called with the number of images, first with that of those that were scored before.

    Returns:
        Entries as :meth:`Prediction.to_dict` gives them, with ``rank`` from 1, most uncertain first.
    """
    done = (
        {} if partial is None else {path: partial.entries[path] for path in files if path in partial.entries}
    )
    on_progress(len(done))
    waiting = [path for path in files if path not in done]
    if waiting:
        index = ImageIndex.from_files(waiting, exif=exif_of(model))
        chunk: list[dict[str, Any]] = []
        for batch in predict_batches(model, index, batch_size, workers):
            entries = [prediction.to_dict() for prediction in batch]
            chunk += entries
            done.update({entry['image']: entry for entry in entries})
            on_progress(len(batch))
            # Of whole batches: a resumed ranking makes the same ones, and so the same scores to the bit.
            if partial is not None and len(chunk) >= chunk_size:
                partial.add(chunk)
                chunk = []
        if partial is not None and chunk:
            partial.add(chunk)
    ordered = sorted(done.values(), key=lambda entry: (-entry['uncertainty'], entry['image']))
    return [dict(rank=rank, **entry) for rank, entry in enumerate(ordered, 1)]


def ranking_text(entries: Sequence[dict[str, Any]], problems: Sequence[tuple[str, str]], form: str) -> str:
    """A ranking as text.

    Args:
        entries: from :func:`rank_files`.
        problems: images that were skipped; JSON lists them, CSV does not.
        form: ``'json'`` or ``'csv'``. In CSV the boxes of an image are JSON within one field.
    """
    if form == 'json':
        skipped = [dict(image=_text(path), problem=what) for path, what in problems]
        return json.dumps(dict(ranking=list(entries), skipped=skipped), indent=1, allow_nan=False) + '\n'
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(('rank', 'image', 'uncertainty', 'detections', 'boxes'))
    for entry in entries:
        boxes = entry['boxes']
        fields = json.dumps(boxes, ensure_ascii=False)
        writer.writerow((entry['rank'], entry['image'], repr(entry['uncertainty']), len(boxes), fields))
    return text.getvalue()


def _text(path: str) -> str:
    """A file name as text, also one that is none."""
    return path.encode('utf-8', 'backslashreplace').decode()
