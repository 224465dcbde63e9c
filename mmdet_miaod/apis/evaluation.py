"""A checkpoint on the test set of a config."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from ..datasets.builder import build_dataset, check_images
from ..engine.detector import load_detector
from ..engine.inference import detect, evaluate_detections
from ..engine.live_bar import no_bar
from ..engine.parallel import check_device
from .settings import RunSettings


@dataclass(frozen=True)
class CheckpointResult:
    """Detections of a detector on a test set, and how good they are.

    Attributes:
        dataset: the test set.
        detections: for each image of it, in order, a list of one ``(n, 5)`` float32 array per class: x1, y1,
            x2, y2 in pixels of the image, score.
        metrics: plain values: ``mAP`` (0 to 1) and ``AP`` by class name, None for a class without boxes.
    """

    dataset: Dataset
    detections: list[list[np.ndarray]]
    metrics: dict[str, Any]


def load_test_set(settings: RunSettings) -> Dataset:
    """Index and check the images of the test set and read their annotations.

    Raises:
        FileNotFoundError: when a folder, list, image or annotation file is missing.
        ValueError: when one is malformed, or the classes do not fit the model.
    """
    dataset = build_dataset(settings.data.test)
    check_images(dataset.index, settings.data.check_images)
    number = settings.model.num_classes
    if len(dataset.CLASSES) != number:
        raise ValueError(
            f'the test set has {len(dataset.CLASSES)} classes {tuple(dataset.CLASSES)}, but '
            f'model.bbox_head.num_classes is {number}: make them equal'
        )
    return dataset


def evaluate_checkpoint(
    settings: RunSettings,
    checkpoint: str | Path,
    device: str = 'cpu',
    live: Callable[[int], AbstractContextManager[Callable[[int], None]]] = no_bar,
) -> CheckpointResult:
    """Evaluate a checkpoint on the test set of a config.

    Args:
        settings: from :func:`~mmdet_miaod.apis.settings.load_settings`.
        checkpoint: see :func:`~mmdet_miaod.engine.detector.load_detector`.
        device: ``'cpu'`` or ``'cuda:N'``.
        live: shows progress: given the number of images, a context that yields a function to call with the
            number of those that were done.

    Raises:
        FileNotFoundError, ValueError: the test set or the checkpoint is not there, or not right.
    """
    scoring = replace(settings.scoring, device=check_device(device))
    dataset = load_test_set(settings)
    model = load_detector(settings.model, checkpoint, dataset.CLASSES).to(scoring.device)
    with live(len(dataset)) as advance:
        detections = detect(model, dataset, scoring, advance)
    evaluation = dict(settings.evaluation, logger='silent')
    return CheckpointResult(dataset, detections, evaluate_detections(detections, dataset, evaluation))
