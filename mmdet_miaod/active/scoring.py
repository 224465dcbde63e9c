"""A model over the pool: one score per image, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from ..datasets.loaders import build_scoring_loader
from ..datasets.pool import ImagePoolDataset
from ..engine.inference import ScoringSettings, move_batch
from .query.base import QueryStrategy


def split_chunks(candidates: np.ndarray, chunk_size: int) -> list[np.ndarray]:
    """Cut the candidates into the chunks that are scored and saved one after another."""
    return [candidates[start : start + chunk_size] for start in range(0, len(candidates), chunk_size)]


@torch.inference_mode()
def describe_chunk(
    model: nn.Module,
    strategy: QueryStrategy,
    view: ImagePoolDataset,
    indices: np.ndarray,
    settings: ScoringSettings,
    on_progress: Callable[[int], None] = lambda count: None,
) -> dict[str, np.ndarray]:
    """Score some images of the pool, and compute the features that the strategy asks for.

    Args:
        model: the detector; it is put into evaluation mode.
        strategy: whose ``image_scores`` and features are computed.
        view: the pool with the scoring pipeline; annotation files are never opened.
        indices: ``(n,)`` pool indices.
        settings: batch size, workers, device.
        on_progress: called with the number of images after each batch.

    Returns:
        ``scores`` ``(n,)`` and by name the features ``(n, D)``, float32, in the order of ``indices``; only
        ``scores`` where there are no indices.

    Raises:
        ValueError: when a score is not finite, naming the image.
    """
    model.eval()
    loader, batches = build_scoring_loader(
        view,
        indices,
        view.index.sizes,
        settings.batch_size,
        workers=settings.workers,
        pin_memory=settings.device.type == 'cuda',
    )
    positions = {int(index): position for position, index in enumerate(indices)}
    found = dict(scores=np.full(len(indices), np.nan, dtype=np.float32))
    described = _describe_batches(model, strategy, loader, settings.device)
    for batch_indices, description in zip(batches, described, strict=True):
        rows = [positions[int(i)] for i in batch_indices]
        for name, tensor in description.items():
            values = tensor.float().cpu().numpy()
            bad = batch_indices[~np.isfinite(values).reshape(len(values), -1).all(axis=1)]
            if len(bad):
                raise ValueError(
                    f'{name} of {view.index.image_path(int(bad[0]))}: not finite, the model diverged'
                )
            if name not in found:
                found[name] = np.full((len(indices), *values.shape[1:]), np.nan, dtype=np.float32)
            found[name][rows] = values
        on_progress(len(batch_indices))
    return found


def _describe_batches(
    model: nn.Module, strategy: QueryStrategy, loader: Any, device: torch.device
) -> Iterator[dict[str, torch.Tensor]]:
    for batch in loader:
        batch = move_batch(batch, device)
        yield strategy.describe(model, batch['img'], batch['img_metas'])
