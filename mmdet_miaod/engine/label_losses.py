"""Losses of single labeled images under a trained model: those of wrong or missing labels are large."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from ..datasets.loaders import collate_samples
from ..datasets.seeding import Draw
from .inference import move_batch


@torch.no_grad()
def label_losses(
    model: nn.Module,
    indices: np.ndarray,
    *,
    dataset: Dataset,
    device: torch.device,
) -> np.ndarray:
    """Compute the classification losses of each of some labeled images, where it has boxes and elsewhere.

    Images go through the training pipeline one by one, each with a seed of its own, so that the numbers
    depend on the model alone. Nothing is drawn from the global generators.

    Args:
        model: the detector; it is put into evaluation mode.
        indices: ``(n,)`` pool indices of labeled images.
        dataset: of labeled images.
        device: where the model is.

    Returns:
        ``(n, 2)`` float32: without a box and in boxes, see
        :meth:`~mmdet_miaod.models.dense_heads.miaod_mixin.MIAODHeadMixin.label_losses`.
    """
    model.eval()
    losses = []
    for index in map(int, indices):
        batch = move_batch(collate_samples([dataset[Draw(index, seed=index)]]), device)
        losses.append(model.bbox_head.label_losses(model.extract_feat(batch.pop('img')), **batch))
    return torch.stack(losses).float().cpu().numpy()
