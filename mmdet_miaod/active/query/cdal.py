"""Contextual diversity: images whose distributions over classes differ from those that are labeled."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .base import QUERY_STRATEGIES, Query, QueryStrategy
from .coreset import greedy_k_center

_SMALLEST = 1e-12
_ROUNDING = 1e-12  # of sums of logarithms in float64; below it distributions are equal


def with_logarithms(distributions: np.ndarray) -> np.ndarray:
    """Distributions ``(n, C)``, at least 1e-12 and normalized again, and their logarithms: ``(n, 2 C)``."""
    clamped = np.maximum(distributions, np.float32(_SMALLEST))
    clamped /= clamped.sum(axis=1, keepdims=True)
    return np.concatenate([clamped, np.log(clamped)], axis=1)


def symmetric_divergence(points: Tensor, centers: Tensor) -> Tensor:
    """Half the sum of both Kullback-Leibler divergences of each point from each center, in nats.

    Args:
        points: ``(n, 2 C)`` from :func:`with_logarithms`.
        centers: ``(m, 2 C)`` from the same.

    Returns:
        ``(n, m)``.
    """
    (p, log_p), (q, log_q) = (values.double().chunk(2, dim=1) for values in (points, centers))
    own, others = ((a * b).sum(dim=1) for a, b in ((p, log_p), (q, log_q)))
    divergences = (own[:, None] + others - p @ log_q.T - log_p @ q.T) / 2
    return divergences.masked_fill(divergences < _ROUNDING, 0).float()


@QUERY_STRATEGIES.register_module(name='cdal')
class ContextualDiversityQuery(QueryStrategy):
    """Contextual diversity, the core-set variant of CDAL (Agarwal et al., "Contextual Diversity for Active
    Learning", ECCV 2020, arXiv:2008.05723).

    An image is the mean of the class distributions of its anchors, weighted by their entropy; images are
    chosen by greedy k-centre under :func:`symmetric_divergence` against labeled and chosen ones. CDAL's
    heads have a softmax. For sigmoid heads this is an adaptation: "none of the classes" is one more class,
    of probability ``1 - max p``, and the sum is normalized to 1.
    """

    features = ('class_distribution',)

    def score(self, model: torch.nn.Module, feats: Sequence[Tensor], img_metas: list[dict]) -> Tensor:
        """Zeros, ``(B,)``: only the distances between images count."""
        return torch.zeros(len(feats[0]))

    def rank(self, query: Query, count: int) -> np.ndarray:
        """Choose ``(count,)`` images one by one, the farthest from all labeled and chosen ones first.

        Raises:
            ValueError: a distribution is NaN.
        """
        distributions = query.features['class_distribution']
        known = np.concatenate([query.candidates, query.labeled])
        if bad := np.isnan(distributions[known]).any(axis=1).sum():
            raise ValueError(f'{bad} images have no valid distribution over classes (NaN)')
        points, centers = (with_logarithms(distributions[i]) for i in (query.candidates, query.labeled))
        chosen = greedy_k_center(points, centers, count, query.heartbeat, symmetric_divergence)
        return query.candidates[chosen]
