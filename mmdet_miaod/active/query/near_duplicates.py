"""No two images that look alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .base import QUERY_STRATEGIES, Query
from .wrapper import WrapperQuery


@QUERY_STRATEGIES.register_module(name='without_near_duplicates')
class WithoutNearDuplicatesQuery(WrapperQuery):
    """Passes over images that look like one that is labeled or selected already.

    Two images look alike when the cosine similarity of their pooled features, centered on the mean of the
    pool, is larger than ``threshold``; near-duplicates by cosine similarity of features as in Abbas et al.,
    "SemDeDup" (2023, arXiv:2303.09540), section 3. Where too few images are left, those passed over follow.

    Args:
        strategy: config of the strategy inside, which gives the order.
        threshold: similarity from which images count as near-duplicates.

    Raises:
        ValueError: the threshold is not in (-1, 1].
    """

    own_features = ('pooled',)
    best_first = True

    def __init__(self, strategy: dict, threshold: float = 0.95) -> None:
        if not -1 < threshold <= 1:
            raise ValueError(f'threshold is {threshold}: a cosine similarity in (-1, 1] is needed')
        super().__init__(strategy)
        self.threshold = threshold

    def select(self, query: Query) -> np.ndarray:
        """Return the (query.size,) indices to label, the most wanted first."""
        if not query.size:
            return query.candidates[:0]
        directions = _directions(query.features['pooled'], np.concatenate([query.candidates, query.labeled]))
        length = 2 * query.size
        # Most orders take longer the longer they are (a core-set's is quadratic), and few images are passed.
        while True:
            length = min(length, len(query.candidates))
            order = self.strategy.rank(replace(query, size=length, wanted=query.number_wanted))
            selected, passed = self._pass_over(order, directions, query)
            if len(selected) == query.size or length == len(query.candidates):
                return np.array([*selected, *passed[: query.size - len(selected)]], dtype=np.int64)
            length *= 2

    def _pass_over(
        self, order: np.ndarray, directions: np.ndarray, query: Query
    ) -> tuple[list[int], list[int]]:
        """Go through an order of images; returns those to select and those passed over on the way."""
        ordered = directions[order]
        similarity = _largest_similarity(ordered, directions[query.labeled])
        selected, passed = [], []
        for position, index in enumerate(order):
            if len(selected) == query.size:
                break
            if similarity[position] > self.threshold:
                passed.append(index)
            else:
                selected.append(index)
                np.maximum(similarity, ordered @ ordered[position], out=similarity)
                query.tell_alive()
        return selected, passed


def _directions(features: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Features of unit length after the mean over the known images is taken off."""
    centered = features - features[known].mean(axis=0)
    return centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-12)


def _largest_similarity(directions: np.ndarray, others: np.ndarray, block: int = 1024) -> np.ndarray:
    """Cosine similarity of each direction (n, D) to the most similar of the others (m, D): (n,)."""
    largest = np.full(len(directions), -np.inf, dtype=directions.dtype)
    for start in range(0, len(others), block):
        np.maximum(largest, (directions @ others[start : start + block].T).max(axis=1), out=largest)
    return largest
