"""Evaluation of a cycle's model, and what it finds: on the test set, and in the images that it selected."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from .. import distributed
from ..datasets.pool import ImagePoolDataset
from ..engine.inference import ScoringSettings, detect, evaluate_detections
from ..engine.label_losses import label_losses
from ..engine.live_bar import no_bar, shared_count
from ..run.file_record import FileRecord
from ..run.files import load_array, save_array
from ..run.manifest import RunState
from .label_losses import label_losses_name, write_label_losses

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


@dataclass(frozen=True, kw_only=True)
class CycleEvaluator:
    """Evaluates a cycle's model, and keeps what it finds for the report.

    Attributes:
        test: returns the test set, None without one; called when a model is evaluated.
        pool: the image pool.
        labeled: the same images with labels.
        settings: batch size, workers, device.
        evaluation: keyword arguments of the test set's ``evaluate``.
        state: the run's manifest.
        live: shows progress: a context of a cycle, a name and a number of images, which yields a function to
            call with the number of images newly done.
    """

    test: Callable[[], Dataset | None]
    pool: ImagePoolDataset
    labeled: Dataset
    settings: ScoringSettings
    evaluation: Mapping[str, Any]
    state: RunState
    live: Callable[[int, str, int], AbstractContextManager[Callable[[int], None]]] = no_bar

    def evaluate(
        self, cycle: int, model: nn.Module, labeled: np.ndarray
    ) -> tuple[dict[str, Any], list[FileRecord]]:
        """Measure a model on the test set, and its loss on labeled images; for all processes to call.

        Args:
            cycle: number of the cycle.
            model: its trained model.
            labeled: ``(n,)`` int64 pool indices that it was trained on.

        Returns:
            The metrics on the test set with their ``seconds``, and the records of the files written.
        """
        started, test, written = time.monotonic(), self.test(), []
        metrics: dict[str, Any] = dict(mAP=None, AP={})
        if test is not None:
            images = np.arange(len(test))
            with self.live(cycle, 'evaluation', len(images)) as advance:
                detections = detect(model, test, self.settings, shared_count(advance, len(images)))
            metrics = evaluate_detections(detections, test, self.evaluation)
            written.append(self._save(test_detections_name(cycle), detections, images))
        metrics['seconds'] = time.monotonic() - started
        losses = label_losses(model, labeled, dataset=self.labeled, device=self.settings.device)
        return metrics, [*written, self._save_losses(cycle, labeled, losses)]

    def look_at(self, cycle: int, model: nn.Module, selected: np.ndarray) -> list[FileRecord]:
        """Keep what the model finds in the first of selected images ``(n,)``; for all processes to call."""
        images = selected[:MAX_SELECTED]
        detections = detect(model, self.pool.scoring_view(), self.settings, indices=images)
        return [self._save(selected_detections_name(cycle), detections, images)]

    @distributed.main_only
    def _save_losses(self, cycle: int, labeled: np.ndarray, losses: np.ndarray) -> FileRecord:
        path = self.state.path(label_losses_name(cycle))
        return write_label_losses(path, labeled, losses, self.pool.index.names)

    @distributed.main_only
    def _save(self, name: str, detections: Sequence[Sequence[np.ndarray]], images: np.ndarray) -> FileRecord:
        return save_array(self.state.path(name), pack_detections(detections, images))
