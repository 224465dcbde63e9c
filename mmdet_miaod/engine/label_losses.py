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
    """Compute the classification loss of each of some labeled images.

    Images go through the training pipeline one by one, each with a seed of its own, so that the numbers
    depend on the model alone. Nothing is drawn from the global generators. Every process computes all images:
    a loss is normalized by the counts of all processes, which are those of one image times their number.

    Args:
        model: the detector; it is put into evaluation mode.
        indices: ``(n,)`` pool indices of labeled images.
        dataset: of labeled images.
        device: where the model is.

    Returns:
        ``(n,)`` float32 losses, divided by the number of positive anchors of the image.
    """
    model.eval()
    losses = []
    for index in map(int, indices):
        batch = move_batch(collate_samples([dataset[Draw(index, seed=index)]]), device)
        losses.append(model(**batch, loss_terms=('loss_cls',))['loss_cls'])
    return torch.stack(losses).float().cpu().numpy()
