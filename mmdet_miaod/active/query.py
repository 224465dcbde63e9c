"""Query strategies: which unlabeled images should be labeled next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from mmcv.utils import Registry

QUERY_STRATEGIES = Registry('query strategy')


@dataclass(frozen=True)
class Query:
    """What a strategy is asked.

    Attributes:
        candidates: ``(n,)`` int64 pool indices that may be selected, ascending.
        size: how many of them to select; at most ``n``.
        scores: ``(N,)`` float32, one a pool image, NaN where it was not scored.
        labeled: ``(m,)`` int64 pool indices that are labeled, ascending.
        seed: seed for strategies that draw random numbers; another one in each cycle.
    """

    candidates: np.ndarray
    size: int
    scores: np.ndarray
    labeled: np.ndarray
    seed: int


class QueryStrategy:
    """Base of all strategies: an image score, and a selection that may use the scores.

    A strategy that looks at the images overrides :meth:`image_scores`; one that does not sets
    ``needs_model = False``, and the pool is not run through the model.
    """

    needs_model = True

    def image_scores(self, model: torch.nn.Module, img: torch.Tensor, img_metas: list[dict]) -> torch.Tensor:
        """Score a batch ``img`` ``(B, 3, H, W)``; returns ``(B,)`` float32, larger is more wanted."""
        raise NotImplementedError(f'{type(self).__name__} does not look at images')

    def select(self, query: Query) -> np.ndarray:
        """Return the ``(query.size,)`` int64 indices to label, by default those of the highest scores.

        Ties go to the larger index, and the order is ascending in score (the published rule:
        the tail of a stable argsort).

        Raises:
            ValueError: when a candidate's score is NaN.
        """
        scores = query.scores[query.candidates]
        if np.isnan(scores).any():
            bad = query.candidates[np.isnan(scores)]
            raise ValueError(f'{len(bad)} images have no valid score (NaN), the first is index {bad[0]}')
        return query.candidates[highest(scores, query.size)]


def highest(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the tail of a stable argsort without sorting more than the tail.

    Args:
        scores: ``(n,)`` floats without NaN.
        count: length of the tail, 0 to ``n``.

    Returns:
        ``(count,)`` int64 positions, ascending in score and, where scores are equal, in position.
    """
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    threshold = np.partition(scores, len(scores) - count)[len(scores) - count]
    above = np.flatnonzero(scores > threshold)
    ties = np.flatnonzero(scores == threshold)
    tail = np.union1d(above, ties[len(ties) - (count - len(above)) :])
    return tail[np.argsort(scores[tail], kind='stable')]


@QUERY_STRATEGIES.register_module(name='miaod')
class DiscrepancyQuery(QueryStrategy):
    """MI-AOD's query: the images on which the two classifiers disagree most (paper, section 3.4).

    Args:
        k: an image's score is the mean over the ``k`` instances of largest uncertainty.
    """

    def __init__(self, k: int = 10000) -> None:
        if k < 1:
            raise ValueError(f'k is {k}: at least one instance must count')
        self.k = k

    def image_scores(self, model: torch.nn.Module, img: torch.Tensor, img_metas: list[dict]) -> torch.Tensor:
        return model.score(img, img_metas, k=self.k)


@QUERY_STRATEGIES.register_module(name='random')
class RandomQuery(QueryStrategy):
    """Select at random: the baseline that every strategy has to beat."""

    needs_model = False

    def select(self, query: Query) -> np.ndarray:
        return np.random.RandomState(query.seed % 2**32).permutation(query.candidates)[: query.size]
