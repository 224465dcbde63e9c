"""A model over images: batches on the device, detections, metrics."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from mmcv.parallel import scatter
from torch import nn
from torch.utils.data import Dataset

from .. import distributed
from ..datasets.loaders import build_scoring_loader
from .parallel import scatter_targets


@dataclass(frozen=True)
class ScoringSettings:
    """Settings of running images through a model.

    Attributes:
        batch_size: largest number of images in a batch (all of one size).
        workers: loader processes.
        chunk_size: number of images whose scores are held in memory and written together.
        device: where the model is.
    """

    batch_size: int = 1
    workers: int = 0
    chunk_size: int = 1024
    device: torch.device = field(default_factory=partial(torch.device, 'cpu'))


def move_batch(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Unpack a loader's batch and move its tensors to the device.

    MMDetection's test pipelines make a list of augmentations; a single one is taken out of its list.

    Args:
        batch: ``img`` (B, 3, H, W), ``img_metas`` and more, in mmcv's containers or in lists of them.
        device: the device.

    Returns:
        The batch without containers, tensors on the device.

    Raises:
        ValueError: when there is more than one augmentation.
    """
    moved = scatter(batch, scatter_targets(device))[0]
    if isinstance(moved['img'], list):
        if len(moved['img']) != 1:
            raise ValueError('the test pipeline makes several versions of an image: set flip=False')
        moved = {name: value[0] for name, value in moved.items()}
    return moved


def image_batches(
    dataset: Dataset, indices: np.ndarray, settings: ScoringSettings
) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    """Load images in batches of one size each, and move them to the device.

    Args:
        dataset: with an ``index`` of its images and a test pipeline.
        indices: ``(n,)`` images to load.
        settings: batch size, workers, device.

    Yields:
        ``(B,)`` indices, and their batch as :func:`move_batch` gives it.
    """
    loader, batches = build_scoring_loader(
        dataset,
        indices,
        dataset.index.sizes,
        settings.batch_size,
        workers=settings.workers,
        pin_memory=settings.device.type == 'cuda',
    )
    for batch_indices, batch in zip(batches, loader, strict=True):
        yield batch_indices, move_batch(batch, settings.device)


@torch.inference_mode()
def detect(
    model: nn.Module,
    dataset: Dataset,
    settings: ScoringSettings,
    on_progress: Callable[[int], None] = lambda count: None,
    indices: np.ndarray | None = None,
) -> list[list[np.ndarray]]:
    """Run the detector over a test data set.

    Args:
        model: the detector; it is put into evaluation mode.
        dataset: with an ``index`` of its images and the test pipeline.
        settings: batch size, workers, device.
        on_progress: called after each batch with its number of images.
        indices: ``(k,)`` images to run over, all by default.

    Returns:
        In every process, for each of the images in order, a list of ``(n, 5)`` float32 arrays, one
        per class: x1, y1, x2, y2 in pixels of the original image, score.
    """
    model.eval()
    wanted = np.arange(len(dataset)) if indices is None else indices
    mine = wanted[distributed.rank() :: distributed.world_size()]
    found: dict[int, list[np.ndarray]] = {}
    for batch_indices, batch in image_batches(dataset, mine, settings):
        detections = model(img=batch['img'], img_metas=batch['img_metas'], return_loss=False, rescale=True)
        found.update(zip(batch_indices.tolist(), detections, strict=True))
        on_progress(len(batch_indices))
    everything: dict[int, list[np.ndarray]] = {}
    for part in distributed.gather(found):
        everything.update(part)
    return [everything[i] for i in wanted.tolist()]


def evaluate_detections(
    detections: list[list[np.ndarray]], dataset: Dataset, evaluation: Mapping[str, Any]
) -> dict[str, Any]:
    """Compute the metrics of detections.

    Args:
        detections: for each image a list of ``(n, 5)`` float32 arrays, one per class.
        dataset: the test set.
        evaluation: keyword arguments of the data set's ``evaluate``.

    Returns:
        Plain values: ``mAP`` (0 to 1) and ``AP`` by class name, None for a class without boxes.
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
