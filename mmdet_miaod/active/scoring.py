"""Passes of a model over pool images, in batches of equal image size: scores, features and more."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ..datasets.pool import ImagePoolDataset
from ..engine.inference import ScoringSettings, image_batches
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
    model.eval()
    positions, found = {int(index): position for position, index in enumerate(indices)}, {}
    for batch_indices, batch in image_batches(view, indices, settings):
        rows = [positions[int(i)] for i in batch_indices]
        for name, tensor in look(model, batch['img'], batch['img_metas'], batch_indices).items():
            values = tensor.float().cpu().numpy()
            finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
            if not finite.all():
                path = view.index.image_path(int(batch_indices[finite.argmin()]))
                raise ValueError(f'{name} of {path}: not finite, the model diverged')
            if name not in found:
                found[name] = np.full((len(indices), *values.shape[1:]), np.nan, dtype=np.float32)
            found[name][rows] = values
        on_progress(len(batch_indices))
    return found


def scores_and_features(strategy: QueryStrategy) -> Look:
    """Return what computes a strategy's ``scores`` ``(B,)`` and ``features_{name}`` ``(B, D)``.

    It raises a ValueError where the scores are not one per image.
    """

    def look(model: nn.Module, img: Tensor, img_metas: list[dict], indices: np.ndarray) -> dict[str, Tensor]:
        found = strategy.score_and_features(model, img, img_metas, strategy.features)
        shape, count = tuple(found['scores'].shape), len(indices)
        if shape != (count,):
            raise ValueError(f'{type(strategy).__name__} gave scores of shape {shape} for {count} images')
        return {name if name == 'scores' else f'features_{name}': found[name] for name in found}

    return look


def second_look(strategy: QueryStrategy) -> Look:
    """Return what computes a strategy's ``second_look`` ``(B, ...)``."""

    def look(model: nn.Module, img: Tensor, img_metas: list[dict], indices: np.ndarray) -> dict[str, Tensor]:
        return dict(second_look=strategy.look_again(model, model.extract_feat(img), img_metas))

    return look
