"""Diversity: core-set selection by greedy k-centre, of all images or of the most uncertain ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from .base import QUERY_STRATEGIES, Query, QueryStrategy
from .miaod import DiscrepancyQuery

_BLOCK = 4096  # rows of points and of centers per distance matrix


def euclidean_distances(points: Tensor, centers: Tensor) -> Tensor:
    """Distance of each point ``(n, D)`` to each center ``(m, D)``: ``(n, m)``."""
    # The matrix product's way would lose digits where points are close together.
    return torch.cdist(points, centers, compute_mode='donot_use_mm_for_euclid_dist')


def nearest_distances(
    points: Tensor,
    centers: Tensor,
    on_block: Callable[[], None] = lambda: None,
    distances_between: Callable[[Tensor, Tensor], Tensor] = euclidean_distances,
) -> Tensor:
    """Distance of each point to the nearest center, block by block.

    Args:
        points: ``(n, D)``.
        centers: ``(m, D)``, m may be 0.
        on_block: called after each block.
        distances_between: computes ``(n, m)`` distances, of a block of each.

    Returns:
        ``(n,)``, infinite without centers.
    """
    nearest = torch.full((len(points),), torch.inf, dtype=points.dtype)
    for first in range(0, len(points), _BLOCK):
        for start in range(0, len(centers), _BLOCK):
            distances = distances_between(points[first : first + _BLOCK], centers[start : start + _BLOCK])
            block = nearest[first : first + _BLOCK]
            torch.minimum(block, distances.amin(dim=1), out=block)
            on_block()
    return nearest


def greedy_k_center(
    points: np.ndarray,
    centers: np.ndarray,
    count: int,
    heartbeat: Callable[[], None] = lambda: None,
    distances_between: Callable[[Tensor, Tensor], Tensor] = euclidean_distances,
) -> np.ndarray:
    """Choose points one by one, each the farthest from all centers and the points chosen before.

    Exact, in memory linear in the number of points. Ties go to the smaller position.

    Args:
        points: ``(n, D)`` float32, what can be chosen.
        centers: ``(m, D)`` float32, what is there already.
        count: how many to choose, at most n.
        heartbeat: called after each block of distances.
        distances_between: see :func:`nearest_distances`.

    Returns:
        ``(count,)`` int64 positions in ``points``, in the order of choice.
    """
    candidates = torch.from_numpy(np.ascontiguousarray(points))
    known = torch.from_numpy(np.ascontiguousarray(centers))
    nearest = nearest_distances(candidates, known, heartbeat, distances_between)
    chosen = np.empty(count, dtype=np.int64)
    for step in range(count):
        # NumPy's argmax gives the first of equal values, PyTorch's any of them.
        farthest = int(np.argmax(nearest.numpy()))
        chosen[step] = farthest
        distances = nearest_distances(candidates, candidates[farthest, None], heartbeat, distances_between)
        torch.minimum(nearest, distances, out=nearest)
        nearest[farthest] = -1
    return chosen


@QUERY_STRATEGIES.register_module(name='coreset')
class CoresetQuery(QueryStrategy):
    """Core-set selection: greedy k-centre on pooled features (Sener and Savarese, "Active Learning for
    Convolutional Neural Networks: A Core-Set Approach", ICLR 2018, arXiv:1708.00489, algorithm 1)."""

    features = ('pooled',)

    def score(self, model: torch.nn.Module, feats: Sequence[Tensor], img_metas: list[dict]) -> Tensor:
        """Zeros, ``(B,)``: only the distances between images count."""
        return torch.zeros(len(feats[0]))

    def rank(self, query: Query, count: int) -> np.ndarray:
        """Choose ``(count,)`` images one by one, the farthest from all labeled and chosen ones first."""
        pooled = query.features['pooled']
        points, centers = pooled[query.candidates], pooled[query.labeled]
        return query.candidates[greedy_k_center(points, centers, count, query.heartbeat)]


@QUERY_STRATEGIES.register_module(name='miaod+coreset')
class DiscrepancyCoresetQuery(DiscrepancyQuery):
    """The most uncertain images by MI-AOD, and among them the most diverse by core-set.

    Uncertainty first and then diversity as in Yang et al., "Suggestive Annotation" (MICCAI 2017,
    arXiv:1706.04737), with MI-AOD's uncertainty (CVPR 2021, section 3.4) and core-set (arXiv:1708.00489).

    Args:
        k: see :class:`DiscrepancyQuery`.
        factor: the core-set is chosen from ``factor`` times as many images as will be labeled.
        aggregation: see :class:`DiscrepancyQuery`.

    Raises:
        ValueError: ``factor`` is smaller than 1.
    """

    features = ('pooled',)

    def __init__(self, k: int = 10000, factor: float = 4.0, aggregation: str = 'mean') -> None:
        super().__init__(k, aggregation)
        if factor < 1:
            raise ValueError(f'factor is {factor}: at least 1 is needed')
        self.factor = factor

    def rank(self, query: Query, count: int) -> np.ndarray:
        """Choose ``(count,)`` images: the core-set of the most uncertain ones, then the next uncertain ones.

        There are next ones only in an order that is longer than ``factor`` times the images to label.
        """
        wanted = min(count, query.label_limit)
        preselected = min(round(self.factor * wanted), len(query.candidates))
        uncertain = super().rank(query, max(count, preselected))
        among_uncertain = replace(query, candidates=np.sort(uncertain[:preselected]))
        diverse = CoresetQuery().rank(among_uncertain, min(count, preselected))
        return np.concatenate([diverse, uncertain[preselected:count]])
