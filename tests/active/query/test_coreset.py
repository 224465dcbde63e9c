"""Greedy k-centre against brute force, and selection by uncertainty and diversity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmdet_miaod.active.query import QUERY_STRATEGIES, coreset
from tests.active.query.tiny import pooled_query


def brute_force(points: np.ndarray, centers: np.ndarray, size: int) -> list[int]:
    chosen: list[int] = []
    for _ in range(size):
        known = np.concatenate([centers, points[chosen]]).astype(np.float64)
        distances = np.linalg.norm(points[:, None].astype(np.float64) - known[None], axis=2).min(axis=1)
        distances[chosen] = -1
        chosen.append(int(np.argmax(distances)))
    return chosen


@pytest.mark.parametrize('block', [4096, 7])
@pytest.mark.parametrize('seed', range(3))
def test_greedy_k_center_is_that_of_brute_force_in_any_blocks(seed, block, monkeypatch) -> None:
    monkeypatch.setattr(coreset, '_BLOCK', block)
    random = np.random.RandomState(seed)
    points, centers = (random.standard_normal((n, 5)).astype(np.float32) for n in (40, 9))
    assert coreset.greedy_k_center(points, centers, 12).tolist() == brute_force(points, centers, 12)


def test_ties_and_copies() -> None:
    points = np.array([[0.0], [1.0], [1.0], [-1.0]], dtype=np.float32)
    # 1 and 3 are equally far; the copy of a center comes last, and no point comes twice.
    assert coreset.greedy_k_center(points, points[:1], 4).tolist() == [1, 3, 0, 2]


def test_a_long_ranking_calls_the_heartbeat() -> None:
    beats = []
    points = np.random.RandomState(0).standard_normal((30, 4))
    query = pooled_query(points, [0, 1], heartbeat=lambda: beats.append(1))
    QUERY_STRATEGIES.build(dict(type='coreset')).rank(query, 5)
    assert len(beats) == 1 + 5  # a block of distances to the labeled images, and one for each choice


def test_coreset_covers_what_is_far_from_labeled_images() -> None:
    points = [[0.0, 0], [0.1, 0], [5, 5], [5, 5.1], [-9, 0], [0, 0.2]]
    strategy = QUERY_STRATEGIES.build(dict(type='coreset'))
    assert strategy.features == ('pooled',)
    assert strategy.rank(pooled_query(points, [0]), 2).tolist() == [4, 3]


def test_miaod_coreset_is_diverse_among_the_uncertain() -> None:
    query = pooled_query([[0.0, 0], [1, 0], [1.1, 0], [-2, 0], [99, 0]], [0], [9, 3, 4, 2, 1])
    strategy = QUERY_STRATEGIES.build(dict(type='miaod+coreset', factor=1.5))
    # The 3 most uncertain of the candidates are 1, 2 and 3; the farthest image, 4, is not among them.
    assert strategy.rank(query, 2).tolist() == [3, 2]
    # A longer order continues with the next uncertain image; the core-set is of the 2 images to label.
    assert strategy.rank(replace(query, label_limit=2), 4).tolist() == [3, 2, 1, 4]


def test_factor_out_of_range() -> None:
    with pytest.raises(ValueError, match='factor'):
        QUERY_STRATEGIES.build(dict(type='miaod+coreset', factor=0.5))
