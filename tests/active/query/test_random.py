"""Images at random."""

from __future__ import annotations

import numpy as np

from mmdet_miaod.active.query import QUERY_STRATEGIES
from tests.active.query.tiny import query_of


def test_random_is_a_function_of_its_seed_and_looks_at_no_image() -> None:
    strategy = QUERY_STRATEGIES.build(dict(type='random'))
    assert not strategy.needs_model
    chosen = strategy.rank(query_of([np.nan] * 30, labeled=[0, 1, 2], seed=2**40 + 1), 9)
    expected = np.random.RandomState(1).permutation(np.arange(3, 30))[:9]
    assert chosen.tolist() == expected.tolist()
