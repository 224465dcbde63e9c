"""Detections as files: what MMDetection's users expect, and two formats that any program can read."""

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..run.files import write_file

Detections = Sequence[Sequence[np.ndarray]]


def check_detection_file(path: str | Path) -> None:
    """Check that detections can be written to a path.

    Raises:
        ValueError: when its suffix is none of ``.pkl``, ``.json`` and ``.npz``.
        FileExistsError: when there is such a file; nothing is overwritten.
    """
    path = Path(path)
    if path.suffix not in WRITERS:
        raise ValueError(f'{path}: detections are written as {", ".join(WRITERS)}; use one of these suffixes')
    if path.exists():
        raise FileExistsError(f'{path}: exists already; choose another name')


def write_detections(
    path: str | Path, detections: Detections, names: Sequence[str], classes: Sequence[str]
) -> None:
    """Write detections in the format of the path's suffix.

    - ``.pkl``: MMDetection's results, a pickled list (images) of lists (classes) of (n, 5) float32 arrays.
    - ``.json``: a list of ``{"image", "class", "box": [x1, y1, x2, y2], "score"}``, best first in each image.
    - ``.npz``: ``image`` (n,) and ``label`` (n,) int32, ``box`` (n, 4) and ``score`` (n,) float32, and the
      ``names`` of all images and the ``classes`` that they count; loads without pickle.

    Args:
        path: the new file.
        detections: for each image a list of one (n, 5) float32 array per class.
        names: of the images, as in the image list.
        classes: class names.

    Raises:
        FileExistsError, ValueError: see :func:`check_detection_file`.
    """
    check_detection_file(path)
    write_file(path, lambda file: WRITERS[Path(path).suffix](file, detections, names, classes))


def flat_detections(detections: Detections) -> dict[str, np.ndarray]:
    """Return arrays ``image``, ``label``, ``box``, ``score`` of all detections, best first in each image."""
    parts = []
    for image, by_class in enumerate(detections):
        labels = np.repeat(np.arange(len(by_class), dtype=np.int32), [len(found) for found in by_class])
        found = np.concatenate([np.zeros((0, 5), np.float32), *by_class]).astype(np.float32)
        order = np.argsort(-found[:, 4], kind='stable')
        parts.append((np.full(len(found), image, np.int32), labels[order], found[order]))
    if not parts:
        parts = [(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros((0, 5), np.float32))]
    images, labels, boxes = (np.concatenate(column) for column in zip(*parts, strict=True))
    return dict(image=images, label=labels, box=boxes[:, :4], score=boxes[:, 4])


def _write_pickle(file: Any, detections: Detections, names: Sequence[str], classes: Sequence[str]) -> None:
    pickle.dump([list(by_class) for by_class in detections], file, protocol=4)


def _write_json(file: Any, detections: Detections, names: Sequence[str], classes: Sequence[str]) -> None:
    flat = flat_detections(detections)
    columns = [flat[key].tolist() for key in ('image', 'label', 'box', 'score')]
    records = [
        {'image': names[image], 'class': classes[label], 'box': box, 'score': score}
        for image, label, box, score in zip(*columns, strict=True)
    ]
    file.write((json.dumps(records, allow_nan=False) + '\n').encode())


def _write_npz(file: Any, detections: Detections, names: Sequence[str], classes: Sequence[str]) -> None:
    arrays = flat_detections(detections)
    np.savez_compressed(file, **arrays, names=np.array(names, str), classes=np.array(classes, str))


WRITERS: dict[str, Callable[..., None]] = {'.pkl': _write_pickle, '.json': _write_json, '.npz': _write_npz}
