"""Selection by category-conditioned similarity, alone and behind other strategies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmdet_miaod.active.query import QUERY_STRATEGIES, Query, QueryStrategy
from mmdet_miaod.active.query.image_distances import centers_by_distance, image_distances, k_medoids
from mmdet_miaod.active.query.instance_features import Detections
from tests.active.query.tiny import describe, query_of, random_detections

A, B, C = (0, 0.9, (1.0, 0.0)), (0, 0.9, (0.0, 1.0)), (1, 0.9, (1.0, 0.0))


@QUERY_STRATEGIES.register_module(name='given_scores', force=True)
class GivenScores(QueryStrategy):
    """The scores of the query as they are."""


def build(**changes) -> QueryStrategy:
    return QUERY_STRATEGIES.build(dict(dict(type='ccms', strategy=dict(type='given_scores')), **changes))


def looked_at(strategy, query: Query, images, count: int) -> Query:
    """The query after the second look; ``images`` are the detections of each pool image."""
    preselected = strategy.preselect(query, count)
    features = next((len(d[2]) for found in images for d in found), 2)
    second_look = describe([images[i] for i in preselected], features)
    return replace(query, preselected=preselected, second_look=second_look)


def test_the_images_that_stand_for_the_preselected_ones() -> None:
    # The pool's last image is the most wanted; 0 is not among the preselected ones.
    images = [[C], [B], [B], [A], [A], [A]]
    query = query_of([0, 1, 2, 3, 4, 5])
    strategy = build(factor=2.5)
    query = looked_at(strategy, query, images, 2)
    assert query.preselected.tolist() == [5, 4, 3, 2, 1]
    assert strategy.rank(query, 2).tolist() == [5, 2]
    # A longer order: the other preselected ones, then what the strategy inside wants next.
    assert strategy.rank(replace(query, label_limit=2), 6).tolist() == [5, 2, 4, 3, 1, 0]
    assert strategy.rank(query, 0).tolist() == []


@pytest.mark.parametrize('seed', range(3))
def test_selection_is_medoids_of_greedy_centers_from_the_most_wanted(seed) -> None:
    images = random_detections(seed, 30)
    query = query_of(np.random.RandomState(seed).permutation(30), labeled=[3, 7])
    strategy = build(factor=3)
    query = looked_at(strategy, query, images, 5)
    best = np.argsort(-np.where(np.isin(np.arange(30), [3, 7]), -1, query.scores))[:15]
    assert query.preselected.tolist() == best.tolist()
    far = image_distances(Detections.unpack(query.second_look), 15)
    expected = query.preselected[k_medoids(far, centers_by_distance(far, 5, 0))]
    assert strategy.rank(query, 5).tolist() == expected.tolist()


def test_as_published_the_first_center_is_drawn_by_the_querys_seed() -> None:
    images = [[A], [B], [C], [A]]
    firsts = set()
    for seed in range(12):
        strategy = build(factor=4, as_published=True)
        query = looked_at(strategy, query_of([0, 1, 2, 3], seed=seed), images, 1)
        order = strategy.rank(query, 4).tolist()
        assert order == strategy.rank(query, 4).tolist()
        firsts.add(order[0])
    assert len(firsts) > 1


def test_as_published_images_without_detections_are_close_to_all() -> None:
    images = [[], [A], [B]]
    orders = {}
    for published in (False, True):
        strategy = build(factor=3, as_published=published)
        monkeyed = looked_at(strategy, query_of([2, 1, 0]), images, 1)
        far = image_distances(Detections.unpack(monkeyed.second_look), 3, as_published=published)
        orders[published] = far[0].tolist()
    assert orders == {False: [0, 2, 2], True: [0, 0, 0]}


@pytest.mark.parametrize('images', [[[]] * 5, [[A]] * 5], ids=['nothing detected', 'all alike'])
def test_ties_give_different_images(images) -> None:
    strategy = build(factor=2)
    query = looked_at(strategy, query_of([1, 1, 1, 1, 1]), images, 2)
    assert sorted(strategy.rank(query, 5).tolist()) == [0, 1, 2, 3, 4]


def test_candidates_fewer_than_asked_for() -> None:
    strategy = build(factor=4)
    query = looked_at(strategy, query_of([1, 2, 3], labeled=[0]), [[A], [B], [C]], 2)
    assert query.preselected.tolist() == [2, 1]
    assert strategy.rank(query, 2).tolist() == [2, 1]


def test_images_that_are_labeled_meanwhile_are_passed_over() -> None:
    images = [[C], [B], [B], [A], [A], [A]]
    strategy = build(factor=2)
    query = looked_at(strategy, query_of([0, 1, 2, 3, 4, 5]), images, 2)
    later = replace(query, candidates=np.array([0, 1, 3, 4]), labeled=np.array([2, 5]))
    # Of those that were looked at 4 and 3 are left, and what comes after them was not looked at.
    assert strategy.rank(later, 4).tolist() == [4, 3, 1, 0]


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match='no valid score'):
        build().preselect(query_of([1, np.nan, 3]), 1)


def test_without_a_second_look_nothing_is_chosen() -> None:
    with pytest.raises(ValueError, match='nothing was looked at again'):
        build().rank(query_of([1, 2]), 1)


@pytest.mark.parametrize(
    'name, inside', [('ppal', 'dcus'), ('miaod+ccms', 'miaod'), ('entropy+ccms', 'entropy')]
)
def test_combinations_score_and_preselect_as_the_strategy_inside(name, inside) -> None:
    strategy = QUERY_STRATEGIES.build(dict(type=name))
    alone = QUERY_STRATEGIES.build(dict(type=inside))
    assert type(strategy.strategy) is type(alone) and strategy.looks_again
    assert (strategy.features, strategy.needs_quality) == (alone.features, alone.needs_quality)


def test_wrappers_pass_the_second_look_on() -> None:
    images = [[C], [B], [B], [A], [A], [A]]
    pooled = np.eye(6, dtype=np.float32)
    pooled[5] = pooled[4]
    wrapper = QUERY_STRATEGIES.build(
        dict(
            type='without_near_duplicates',
            strategy=dict(type='ccms', factor=2, strategy=dict(type='given_scores')),
        )
    )
    assert wrapper.looks_again
    query = looked_at(wrapper, query_of([0, 1, 2, 3, 5, 4], features=dict(pooled=pooled)), images, 2)
    assert query.preselected.tolist() == [4, 5, 3, 2]
    assert wrapper.rank(query, 3).tolist() == [4, 2, 3]


def test_what_cannot_be_combined() -> None:
    with pytest.raises(ValueError, match='factor'):
        build(factor=0.5)
    with pytest.raises(ValueError, match='looks at images again itself'):
        build(strategy=dict(type='divproto'))
