"""A ranking of images: made chunk by chunk, resumed where it stopped, written as CSV or JSON."""

import csv
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ..datasets.image_index import ImageIndex
from ..run.file_record import hash_file
from ..run.files import load_array
from ..run.partial_ranking import PartialRanking
from .inference import Prediction, exif_of, predict_batches

# The first column names of a ranking as CSV, and the beginning of one as JSON.
RANKING_MARKS = ('rank,image,uncertainty,', '"ranking": [')


def scoring_identity(model: nn.Module, checkpoint: str | Path) -> dict[str, Any]:
    """What the scores of a model depend on."""
    config = model.cfg
    parts = [config.model, config.data.pool.score_pipeline, model.uncertainty_k]
    text = json.dumps(parts, sort_keys=True, default=str)
    return dict(
        checkpoint=hash_file(checkpoint)[1], config=hashlib.sha256(text.encode()).hexdigest(), format=2
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
        Entries as :meth:`Prediction.to_dict` gives them, most uncertain first, with ``rank`` from 1 and
        ``percentile``, see :func:`percentile`.
    """
    kept = {} if partial is None else partial.entries
    done = {path: kept[path] for path in files if path in kept}
    on_progress(len(done))
    waiting = [path for path in files if path not in done]
    if waiting:
        index = ImageIndex.from_files(waiting, exif=exif_of(model))
        batches = predict_batches(model, index, batch_size, workers)
        for entries in _kept_in_chunks(batches, partial, chunk_size):
            done.update({entry['image']: entry for entry in entries})
            on_progress(len(entries))
    ordered = sorted(done.values(), key=lambda entry: (-entry['uncertainty'], entry['image']))
    scores = np.array([entry['uncertainty'] for entry in ordered])
    return [
        dict(rank=rank, percentile=percentile(scores, entry['uncertainty']), **entry)
        for rank, entry in enumerate(ordered, 1)
    ]


def _kept_in_chunks(
    batches: Iterable[list[Prediction]], partial: PartialRanking | None, chunk_size: int
) -> Iterator[list[dict[str, Any]]]:
    """Yield the entries of each batch, and keep them by chunks.

    A chunk is of whole batches: a resumed ranking makes the same ones, and so the same scores to the bit.
    """
    chunk: list[dict[str, Any]] = []
    for batch in batches:
        entries = [prediction.to_dict() for prediction in batch]
        yield entries
        chunk += entries
        if partial is not None and len(chunk) >= chunk_size:
            partial.add(chunk)
            chunk = []
    if partial is not None and chunk:
        partial.add(chunk)


def percentile(scores: np.ndarray, uncertainty: float) -> float | None:
    """Percentage of images that are at most as uncertain, to a decimal; None where there are no images.

    Args:
        scores: ``(n,)`` uncertainties of the images to compare with.
        uncertainty: of an image.
    """
    return round(100 * float(np.mean(scores <= uncertainty)), 1) if len(scores) else None


def pool_scores(model: nn.Module, checkpoint: str | Path) -> np.ndarray:
    """Return the uncertainties ``(n,)`` of the run's pool under a cycle's model; empty: not known.

    Args:
        model: from :func:`~mmdet_miaod.apis.init_detector`.
        checkpoint: its ``RUN_DIR/cycle{c}/model.pth``, beside which the query left its scores.
    """
    path = Path(checkpoint).parent / 'scores.npy'
    if model.cfg.query.type != 'miaod' or not path.is_file():
        return np.zeros(0)
    scores = load_array(path)
    return scores[np.isfinite(scores)]


def copy_images(entries: Sequence[dict[str, Any]], folder: str | Path) -> None:
    """Copy ranked images to ``folder/{rank}_{name}``.

    Raises:
        FileExistsError: when there is something in the folder.
    """
    folder = check_copy_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        path = Path(entry['image'])
        shutil.copyfile(path, folder / f'{entry["rank"]:0{len(str(len(entries)))}d}_{path.name}')


def check_copy_folder(folder: str | Path) -> Path:
    """Check that a folder is new or empty.

    Raises:
        FileExistsError: when it is not.
    """
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f'{folder}: is not empty; choose a new folder for the copies')
    return folder


def ranking_text(entries: Sequence[dict[str, Any]], problems: Sequence[tuple[str, str]], form: str) -> str:
    """A ranking as text.

    Args:
        entries: from :func:`rank_files`.
        problems: images that were skipped; JSON lists them, CSV does not.
        form: ``'json'``, or ``'csv'``, which has the number of boxes of each class in place of the boxes.
    """
    if form == 'json':
        skipped = [dict(image=_text(path), problem=what) for path, what in problems]
        return json.dumps(dict(ranking=list(entries), skipped=skipped), indent=1, allow_nan=False) + '\n'
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(('rank', 'image', 'uncertainty', 'percentile', 'detections', 'classes'))
    for entry in entries:
        counts = Counter(box['class'] for box in entry['boxes'])
        classes = '; '.join(f'{name} {count}' for name, count in counts.most_common())
        numbers = (repr(entry['uncertainty']), entry['percentile'], len(entry['boxes']))
        writer.writerow((entry['rank'], entry['image'], *numbers, classes))
    return text.getvalue()


def _text(path: str) -> str:
    """A file name as text, also one that is none."""
    return path.encode('utf-8', 'backslashreplace').decode()
