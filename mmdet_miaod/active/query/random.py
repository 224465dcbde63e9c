"""The passive baseline: images at random."""

import numpy as np

from .base import QUERY_STRATEGIES, Query, QueryStrategy


@QUERY_STRATEGIES.register_module(name='random')
class RandomQuery(QueryStrategy):
    """Select at random: the baseline that every strategy has to beat (Settles, "Active Learning Literature
    Survey", 2009, calls learning from such a sample passive)."""

    needs_model = False

    def rank(self, query: Query, count: int) -> np.ndarray:
        """Draw ``(count,)`` candidates, a function of the query's seed."""
        return np.random.RandomState(query.seed % 2**32).permutation(query.candidates)[:count]
