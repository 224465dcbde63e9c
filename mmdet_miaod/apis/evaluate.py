"""The metrics of a detector on a test set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from .. import distributed
from ..active.inference import detect
from ..active.scoring import ScoringSettings
from ..engine.live_bar import no_bar, shared_count


def evaluate_detector(
    model: nn.Module,
    dataset: Dataset,
    settings: ScoringSettings,
    evaluation: Mapping[str, Any],
    live: Callable[[int], AbstractContextManager[Callable[[int], None]]] = no_bar,
) -> dict[str, Any]:
    """Run a detector over a test set and compute its metrics.

    Args:
        model: the detector.
        dataset: the test set.
        settings: batch size, workers, device.
        evaluation: keyword arguments of the data set's ``evaluate``.
        live: shows progress: given the number of images, a context that yields a function to call with the
            number of those that were done.

    Returns:
        Plain values: ``mAP`` (0 to 1) and ``AP`` by class name, None for a class without boxes.
    """
    with live(len(dataset)) as advance:
        detections = detect(model, dataset, settings, shared_count(advance, len(dataset)))
    return evaluate_detections(detections, dataset, evaluation)


def evaluate_detections(
    detections: list[list[np.ndarray]], dataset: Dataset, evaluation: Mapping[str, Any]
) -> dict[str, Any]:
    """Compute the metrics of detections.

    Args:
        detections: for each image a list of one ``(n, 5)`` float32 array a class.
        dataset: the test set.
        evaluation: keyword arguments of the data set's ``evaluate``.

    Returns:
        As :func:`evaluate_detector`.
    """
    metrics = distributed.on_main(lambda: dict(dataset.evaluate(detections, **evaluation)))
    return _plain(metrics)


def _plain(value: Any) -> Any:
    """Turn NumPy numbers into Python's, and NaN into None, as JSON wants it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (str, bool)) or value is None:
        return value
    number = value.item() if hasattr(value, 'item') else value
    return None if math.isnan(number) else number
