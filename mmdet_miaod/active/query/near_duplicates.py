"""No two images that look alike."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .base import QUERY_STRATEGIES, Query
from .wrapper import WrapperQuery


@QUERY_STRATEGIES.register_module(name='without_near_duplicates')
class WithoutNearDuplicatesQuery(WrapperQuery):
    """Skips images that look like one that is labeled or selected already.

    Two images look alike when the cosine similarity of their pooled features, centered on the mean of the
    pool, is larger than ``threshold``; near-duplicates by cosine similarity of features as in Abbas et al.,
    "SemDeDup" (2023, arXiv:2303.09540), section 3. Where too few images are left, skipped ones follow.

    Args:
        strategy: config of the strategy inside, which gives the order.
        threshold: similarity from which images count as near-duplicates.

    Raises:
        ValueError: the threshold is not in (-1, 1].
    """

    own_features = ('pooled',)

    def __init__(self, strategy: Mapping[str, Any], threshold: float = 0.95) -> None:
        if not -1 < threshold <= 1:
            raise ValueError(f'threshold is {threshold}: a cosine similarity in (-1, 1] is needed')
        super().__init__(strategy)
        self.threshold = threshold

    def rank(self, query: Query, count: int) -> np.ndarray:
        """Choose ``(count,)`` images, in the order of the strategy inside."""
        if not count:
            return query.candidates[:0]
        directions = _directions(query.features['pooled'], np.concatenate([query.candidates, query.labeled]))
        inner_query = replace(query, label_limit=min(count, query.label_limit))
        length = 2 * count
        # Most orders take longer the longer they are (a core-set's is quadratic), and few images are skipped.
        while True:
            length = min(length, len(query.candidates))
            order = self.strategy.rank(inner_query, length)
            selected, skipped = self._skip_similar(order, directions, query, count)
            if len(selected) == count or length == len(query.candidates):
                return np.array([*selected, *skipped[: count - len(selected)]], dtype=np.int64)
            length *= 2

    def _skip_similar(
        self, order: np.ndarray, directions: np.ndarray, query: Query, count: int
    ) -> tuple[list[int], list[int]]:
        """Go through an order until ``count`` images are selected; returns them, and those skipped before."""
        ordered = directions[order]
        similarity = _largest_similarity(ordered, directions[query.labeled])
        selected, skipped = [], []
        for position, index in enumerate(order):
            if len(selected) == count:
                break
            if similarity[position] > self.threshold:
                skipped.append(index)
            else:
                selected.append(index)
                np.maximum(similarity, ordered @ ordered[position], out=similarity)
                query.heartbeat()
        return selected, skipped


def _directions(features: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Features ``(N, D)`` less their mean over the ``known`` ``(m,)`` images, each row of length 1."""
    centered = features - features[known].mean(axis=0)
    return centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-12)


def _largest_similarity(directions: np.ndarray, others: np.ndarray, block: int = 1024) -> np.ndarray:
    """Cosine similarity of each direction ``(n, D)`` to the most similar other ``(m, D)``: ``(n,)``."""
    largest = np.full(len(directions), -np.inf, dtype=directions.dtype)
    for start in range(0, len(others), block):
        np.maximum(largest, (directions @ others[start : start + block].T).max(axis=1), out=largest)
    return largest
