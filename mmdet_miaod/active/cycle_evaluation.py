"""Evaluation of a cycle's model, and what it finds: on the test set, and in the images that it selected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from .. import distributed
from ..datasets.pool import ImagePoolDataset
from ..engine.inference import ScoringSettings, detect, evaluate_detections
from ..engine.live_bar import no_bar, shared_count
from ..run.file_record import FileRecord
from ..run.files import load_array, save_array
from ..run.manifest import RunState

DETECTION = np.dtype([('image', '<i4'), ('label', '<i2'), ('score', '<f4'), ('box', '<f4', (4,))])
# The most confident ones of a file, of 26 bytes each: 5 MB.
MAX_DETECTIONS = 200_000
# Selected images, the most wanted first, whose detections are kept.
MAX_SELECTED = 24


def test_detections_name(cycle: int) -> str:
    """Name in the run directory of a cycle's detections on the test set; ``image`` is the test index."""
    return f'cycle{cycle}/detections.npy'


def selected_detections_name(cycle: int) -> str:
    """Name in the run directory of the detections on the images selected; ``image`` is the pool index."""
    return f'cycle{cycle}/selected_detections.npy'


def pack_detections(detections: Sequence[Sequence[np.ndarray]], indices: np.ndarray) -> np.ndarray:
    """Put detections into one array, image by image, the most confident first.

    Args:
        detections: for each image a list of one ``(m, 5)`` float32 array per class: x1, y1, x2, y2, score.
        indices: ``(k,)`` number of each of these images.

    Returns:
        ``(n,)`` of dtype ``DETECTION``, at most ``MAX_DETECTIONS``; boxes in pixels of the image.
    """
    parts = []
    for index, by_class in zip(indices.tolist(), detections, strict=True):
        found = np.concatenate([np.zeros((0, 5), np.float32), *by_class])
        part = np.zeros(len(found), DETECTION)
        part['image'], part['score'], part['box'] = index, found[:, 4], found[:, :4]
        part['label'] = np.repeat(np.arange(len(by_class)), [len(boxes) for boxes in by_class])
        parts.append(part[np.argsort(-part['score'], kind='stable')])
    packed = np.concatenate([np.zeros(0, DETECTION), *parts])
    best = np.argsort(-packed['score'], kind='stable')[:MAX_DETECTIONS]
    return packed[np.sort(best)]


def load_detections(path: str | Path) -> np.ndarray:
    """Read a file of detections.

    Returns:
        ``(n,)`` of dtype ``DETECTION``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or holds anything else.
    """
    found = load_array(path)
    if found.dtype != DETECTION or found.ndim != 1:
        raise ValueError(f'{path}: holds no detections but {found.dtype} of shape {found.shape}')
    if not (np.isfinite(found['score']).all() and np.isfinite(found['box']).all()):
        raise ValueError(f'{path}: has detections that are not finite')
    return found


class CycleEvaluator:
    """Evaluates a cycle's model, and keeps its detections for the report.

    Args:
        test: returns the test set, None without one; called when a model is evaluated.
        pool: the image pool.
        settings: batch size, workers, device.
        evaluation: keyword arguments of the test set's ``evaluate``.
        state: the run's manifest.
        live: shows progress: a context of a cycle, a name and a number of images, which yields a function to
            call with the number of images newly done.
    """

    def __init__(
        self,
        test: Callable[[], Dataset | None],
        pool: ImagePoolDataset,
        settings: ScoringSettings,
        evaluation: Mapping[str, Any],
        *,
        state: RunState,
        live: Callable[[int, str, int], AbstractContextManager[Callable[[int], None]]] = no_bar,
    ) -> None:
        self._test_set = test
        self._pool = pool
        self._settings = settings
        self._evaluation = evaluation
        self._state = state
        self._live = live

    def evaluate(self, cycle: int, model: nn.Module) -> tuple[dict[str, Any], list[FileRecord]]:
        """Return the metrics on the test set and the record of the detections; for all processes to call."""
        test = self._test_set()
        if test is None:
            return dict(mAP=None, AP={}), []
        images = np.arange(len(test))
        with self._live(cycle, 'evaluation', len(images)) as advance:
            detections = detect(model, test, self._settings, shared_count(advance, len(images)))
        metrics = evaluate_detections(detections, test, self._evaluation)
        return metrics, [self._save(test_detections_name(cycle), detections, images)]

    def look_at(self, cycle: int, model: nn.Module, selected: np.ndarray) -> list[FileRecord]:
        """Keep what the model finds in the first of selected images ``(n,)``; for all processes to call."""
        images = selected[:MAX_SELECTED]
        detections = detect(model, self._pool.scoring_view(), self._settings, indices=images)
        return [self._save(selected_detections_name(cycle), detections, images)]

    @distributed.main_only
    def _save(self, name: str, detections: Sequence[Sequence[np.ndarray]], images: np.ndarray) -> FileRecord:
        return save_array(self._state.path(name), pack_detections(detections, images))
