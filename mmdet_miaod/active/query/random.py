"""The passive baseline: images at random."""

from __future__ import annotations

import numpy as np

from .base import QUERY_STRATEGIES, Query, QueryStrategy


@QUERY_STRATEGIES.register_module(name='random')
class RandomQuery(QueryStrategy):
    """Select at random: the baseline that every strategy has to beat (Settles, "Active Learning Literature
    Survey", 2009, calls learning from such a sample passive)."""

    needs_model = False
    best_first = True

    def select(self, query: Query) -> np.ndarray:
        return np.random.RandomState(query.seed % 2**32).permutation(query.candidates)[: query.size]
