"""Scores and features of pool images, by a model and a strategy, in batches of equal image size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ..datasets.loaders import build_scoring_loader
from ..datasets.pool import ImagePoolDataset
from ..engine.inference import ScoringSettings, move_batch
from .query.base import QueryStrategy

# Given model, images (B, 3, H, W), their meta data and pool indices (B,), tensors (B, ...) by name.
Look = Callable[[nn.Module, Tensor, list[dict], np.ndarray], dict[str, Tensor]]


def split_chunks(images: np.ndarray, chunk_size: int) -> list[np.ndarray]:
    """Cut pool indices ``(n,)`` into chunks ``(chunk_size,)``, the last one shorter."""
    return [images[start : start + chunk_size] for start in range(0, len(images), chunk_size)]


@torch.inference_mode()
def look_at(
    model: nn.Module,
    look: Look,
    *,
    view: ImagePoolDataset,
    indices: np.ndarray,
    settings: ScoringSettings,
    on_progress: Callable[[int], None] = lambda count: None,
) -> dict[str, np.ndarray]:
    """Run images of the pool through a model, and keep what is found in each.

    Args:
        model: the detector; it is put into evaluation mode.
        look: what is computed of a batch.
        view: the pool with the scoring pipeline; annotation files are never opened.
        indices: ``(n,)`` pool indices.
        settings: batch size, workers, device.
        on_progress: called with the number of images after each batch.

    Returns:
        ``(n, ...)`` float32 by name, in the order of ``indices``; nothing where there are none.

    Raises:
        ValueError: a number is not finite, with the image.
    """
    positions = {int(index): position for position, index in enumerate(indices)}
    found: dict[str, np.ndarray] = {}
    for batch_indices, arrays in _look_at_batches(model, look, view, indices, settings=settings):
        rows = [positions[int(i)] for i in batch_indices]
        for name, values in arrays.items():
            if name not in found:
                found[name] = np.full((len(indices), *values.shape[1:]), np.nan, dtype=np.float32)
            found[name][rows] = values
        on_progress(len(batch_indices))
    return found


def score_chunk(
    model: nn.Module,
    strategy: QueryStrategy,
    *,
    view: ImagePoolDataset,
    indices: np.ndarray,
    settings: ScoringSettings,
    on_progress: Callable[[int], None] = lambda count: None,
) -> dict[str, np.ndarray]:
    """Score images of the pool, and compute the features that the strategy asks for.

    Args:
        model: the detector; it is put into evaluation mode.
        strategy: whose scores and features are computed.
        view: the pool with the scoring pipeline; annotation files are never opened.
        indices: ``(n,)`` pool indices.
        settings: batch size, workers, device.
        on_progress: called with the number of images after each batch.

    Returns:
        ``scores`` ``(n,)`` and per feature name ``(n, D)``, float32, in the order of ``indices``; only
        ``scores`` where there are no indices.

    Raises:
        ValueError: a score or feature is not finite, with the image; or the scores are not one per image.
    """

    def score(model: nn.Module, img: Tensor, img_metas: list[dict], indices: np.ndarray) -> dict[str, Tensor]:
        found = strategy.score_and_features(model, img, img_metas, strategy.features)
        shape, count = tuple(found['scores'].shape), len(indices)
        if shape != (count,):
            raise ValueError(f'{type(strategy).__name__} gave scores of shape {shape} for {count} images')
        return found

    found = look_at(model, score, view=view, indices=indices, settings=settings, on_progress=on_progress)
    return dict(dict(scores=np.zeros(0, dtype=np.float32)), **found)


def _look_at_batches(
    model: nn.Module,
    look: Look,
    view: ImagePoolDataset,
    indices: np.ndarray,
    *,
    settings: ScoringSettings,
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Pool indices ``(B,)`` of each batch, and what :func:`look_at` returns, of the batch."""
    model.eval()
    loader, batches = build_scoring_loader(
        view,
        indices,
        view.index.sizes,
        settings.batch_size,
        workers=settings.workers,
        pin_memory=settings.device.type == 'cuda',
    )
    for batch_indices, batch in zip(batches, loader, strict=True):
        batch = move_batch(batch, settings.device)
        found = look(model, batch['img'], batch['img_metas'], batch_indices)
        arrays = {name: tensor.float().cpu().numpy() for name, tensor in found.items()}
        for name, values in arrays.items():
            bad = batch_indices[~np.isfinite(values).reshape(len(values), -1).all(axis=1)]
            if len(bad):
                path = view.index.image_path(int(bad[0]))
                raise ValueError(f'{name} of {path}: not finite, the model diverged')
        yield batch_indices, arrays
