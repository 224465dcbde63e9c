"""No two images that look alike."""

from __future__ import annotations

import numpy as np
import pytest

from mmdet_miaod.active.query import QUERY_STRATEGIES
from tests.active.query.tiny import pooled_query


def without_near_duplicates(**strategy):
    return QUERY_STRATEGIES.build(dict(type='without_near_duplicates', strategy=strategy, threshold=0.95))


def brute_force(order, directions, labeled, count, threshold) -> list[int]:
    selected = []
    for i in order:
        others = [*labeled, *selected]
        if all(directions[i] @ directions[j] <= threshold for j in others) and len(selected) < count:
            selected.append(i)
    return selected


@pytest.mark.parametrize('inner', ['miaod', 'random', 'coreset'])
def test_near_duplicates_are_skipped(inner) -> None:
    random = np.random.RandomState(0)
    pooled = np.repeat(random.standard_normal((10, 4)), 3, axis=0)
    pooled = (pooled + 0.01 * random.standard_normal(pooled.shape)).astype(np.float32)
    query = pooled_query(pooled, [0, 3], random.uniform(size=30))
    strategy = without_near_duplicates(type=inner)
    selected = strategy.rank(query, 6)
    centered = pooled - pooled.mean(axis=0)
    directions = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    order = strategy.strategy.rank(query, 28)
    assert selected.tolist() == brute_force(order, directions, [0, 3], 6, 0.95)
    assert len(set(selected // 3)) == 6 and not {0, 1} & set(selected // 3)


def test_no_longer_order_is_asked_for_than_is_needed(monkeypatch) -> None:
    strategy = without_near_duplicates(type='miaod+coreset', factor=2)
    asked = []
    rank = strategy.strategy.rank

    def noted_rank(query, count):
        asked.append((count, query.label_limit))
        return rank(query, count)

    monkeypatch.setattr(strategy.strategy, 'rank', noted_rank)
    pooled = np.random.RandomState(0).standard_normal((40, 8))
    pooled[20:36] = pooled[20]
    selected = strategy.rank(pooled_query(pooled, scores=np.arange(40)), 3)
    # The core-set is one of the 6 most uncertain images, 34 to 39, however long an order is asked for.
    assert asked == [(6, 3)] and set(selected) <= set(range(34, 40))
    selected = strategy.rank(pooled_query(pooled[:36], scores=np.arange(36)), 3)
    assert asked[1:] == [(6, 3), (12, 3), (24, 3)]
    assert selected[0] in range(30, 36) and selected[1:].tolist() == [19, 18]


def test_a_wrapper_in_a_wrapper_still_knows_how_many_images_will_be_labeled(monkeypatch) -> None:
    strategy = without_near_duplicates(type='without_near_duplicates', strategy=dict(type='random'))
    limits = []
    random = strategy.strategy.strategy
    rank = random.rank
    monkeypatch.setattr(random, 'rank', lambda q, count: limits.append(q.label_limit) or rank(q, count))
    strategy.rank(pooled_query(np.random.RandomState(0).standard_normal((40, 8))), 3)
    assert set(limits) == {3}


def test_where_too_few_are_left_skipped_ones_follow() -> None:
    query = pooled_query([[1.0, 0], [1, 0], [1, 0], [-1, 0]], scores=[4, 3, 2, 1])
    assert without_near_duplicates(type='miaod').rank(query, 4).tolist() == [0, 3, 1, 2]
    assert without_near_duplicates(type='miaod').rank(query, 0).tolist() == []


def test_a_long_ranking_calls_the_heartbeat() -> None:
    beats = []
    points = np.random.RandomState(0).standard_normal((30, 4))
    query = pooled_query(points, [0, 1], heartbeat=lambda: beats.append(1))
    without_near_duplicates(type='random').rank(query, 5)
    assert len(beats) == 5


def test_threshold_out_of_range() -> None:
    with pytest.raises(ValueError, match='threshold is 2'):
        QUERY_STRATEGIES.build(
            dict(type='without_near_duplicates', strategy=dict(type='random'), threshold=2)
        )
