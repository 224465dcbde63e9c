"""Disagreement of two instance classifiers: pure tensor functions (sections 3.2 and 3.4 of the paper)."""

import torch
from torch import Tensor

# The number of instances that the published experiments average.
PUBLISHED_K = 10000


def instance_discrepancy(probabilities_1: Tensor, probabilities_2: Tensor) -> Tensor:
    """Absolute difference of the two classifiers, which training minimizes and maximizes.

    Args:
        probabilities_1: (..., C) class probabilities of the first classifier.
        probabilities_2: (..., C) those of the second one.

    Returns:
        (..., C) values in [0, 1].
    """
    return (probabilities_1 - probabilities_2).abs()


def instance_uncertainty(probabilities_1: Tensor, probabilities_2: Tensor) -> Tensor:
    """Squared difference of the two classifiers averaged over classes, by which images are selected.

    The paper speaks of the L1 distance; the published results were made with the squared one.

    Args:
        probabilities_1: (..., C) class probabilities of the first classifier.
        probabilities_2: (..., C) those of the second one.

    Returns:
        (...) values in [0, 1], one per instance (anchor).
    """
    return (probabilities_1 - probabilities_2).square().mean(dim=-1)


def top_k_mean(values: Tensor, k: int) -> Tensor:
    """Mean of the k largest values of each row.

    Args:
        values: (B, N), one per instance, N >= 1.
        k: how many of them are averaged; all where N < k.

    Returns:
        (B,) in the dtype of ``values``.

    Raises:
        ValueError: ``k`` is not positive, or there is no instance.
    """
    if k < 1:
        raise ValueError(f'k={k}: the number of instances averaged must be at least 1')
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f'expected instance values of shape (B, N) with N >= 1, got {tuple(values.shape)}')
    if k < values.shape[1]:
        values = torch.topk(values, k, dim=1).values
    return values.mean(dim=1)


def image_uncertainty(instance_uncertainties: Tensor, k: int) -> Tensor:
    """Uncertainty of each image: the mean of its k most uncertain instances (section 3.4 of the paper).

    Args:
        instance_uncertainties: (B, N) from :func:`instance_uncertainty`, all levels of the pyramid joined.
            Anchors on the padded border are among the N.
        k: the number of instances averaged (10000 in the published experiments).

    Returns:
        (B,) float32 scores.
    """
    return top_k_mean(instance_uncertainties.float(), k)
