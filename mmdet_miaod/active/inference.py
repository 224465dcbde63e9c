"""Detections of a data set, batched and shared out over the processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from .. import distributed
from ..datasets.loaders import build_scoring_loader
from .scoring import ScoringSettings, move_batch


@torch.inference_mode()
def detect(
    model: nn.Module,
    dataset: Dataset,
    settings: ScoringSettings,
    on_progress: Callable[[int], None] = lambda count: None,
) -> list[list[np.ndarray]]:
    """Run the detector over a test data set.

    Args:
        model: the detector; it is put into evaluation mode.
        dataset: with an ``index`` of its images and the test pipeline.
        settings: batch size, workers, device.
        on_progress: called with the number of images after each batch.

    Returns:
        In every process, for each image of the data set in order, a list of one ``(n, 5)`` float32 array a
        class: x1, y1, x2, y2 in pixels of the original image, score.
    """
    model.eval()
    mine = np.arange(distributed.rank(), len(dataset), distributed.world_size())
    loader, batches = build_scoring_loader(
        dataset,
        mine,
        dataset.index.sizes,
        settings.batch_size,
        settings.workers,
        settings.device.type == 'cuda',
    )
    found: dict[int, list[np.ndarray]] = {}
    for indices, detections in zip(batches, _batch_detections(model, loader, settings.device), strict=True):
        found.update(zip(map(int, indices), detections, strict=True))
        on_progress(len(indices))
    everything: dict[int, list[np.ndarray]] = {}
    for part in distributed.gather(found):
        everything.update(part)
    return [everything[i] for i in range(len(dataset))]


def _batch_detections(
    model: nn.Module, loader: Any, device: torch.device
) -> Iterator[list[list[np.ndarray]]]:
    for batch in loader:
        batch = move_batch(batch, device)
        yield model(img=batch['img'], img_metas=batch['img_metas'], return_loss=False, rescale=True)
