"""Candidates, budgets, exclusions; strategies with features in whole runs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmdet_miaod.active.query import QUERY_STRATEGIES, Query, QueryStrategy
from mmdet_miaod.active.selection import SelectionSettings, image_positions, query_candidates, select_images
from mmdet_miaod.active.split import Split, initial_split, next_split
from tests.tiny_run import draw_tiny_data, tiny_train

SPLIT = Split(np.array([0, 5]), np.array([1, 2]))


def candidates(pool_size: int, settings: SelectionSettings, seed: int = 0, cycle: int = 0) -> np.ndarray:
    return query_candidates(SPLIT, settings, pool_size=pool_size, seed=seed, cycle=cycle)


class CountingAnnotator:
    """Image i has i boxes."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def count_boxes(self, indices) -> int:
        self.asked += indices
        return sum(indices)


def ask(size: int, unit: str) -> tuple[list[int], list[int]]:
    scores = np.array([0, 3, 0, 9, 2, 0, 1, 0], dtype=np.float32)
    candidates = np.array([1, 3, 4, 6])
    annotator = CountingAnnotator()
    query = Query(candidates=candidates, labeled=np.array([0, 5]), scores=scores, seed=0)
    selected, spent = select_images(QueryStrategy(), query, SelectionSettings(size, unit), annotator)
    assert spent == (len(selected) if unit == 'image' else selected.sum())
    return selected.tolist(), annotator.asked


def test_budget_of_images_in_the_published_order() -> None:
    assert ask(2, 'image') == ([1, 3], [])
    assert ask(9, 'image') == ([6, 4, 1, 3], [])


@pytest.mark.parametrize(
    ('strategy', 'expected'),
    [
        (dict(type='miaod'), [2, 1, 3]),
        (dict(type='class_balanced', strategy=dict(type='entropy')), [2, 1, 3]),
        (dict(type='without_near_duplicates', strategy=dict(type='miaod')), [3, 1, 2]),
        (dict(type='coreset'), [3, 1, 2]),
    ],
    ids=lambda value: value['type'] if isinstance(value, dict) else '',
)
def test_highest_scores_are_handed_over_ascending_and_all_else_most_wanted_first(strategy, expected) -> None:
    points = np.array([[0.0, 1], [5, 1], [-3, 1], [-9, 1]], dtype=np.float32)
    query = Query(
        candidates=np.array([1, 2, 3]),
        labeled=np.array([0]),
        scores=np.array([np.nan, 2, 1, 3], dtype=np.float32),
        seed=0,
        features=dict(pooled=points, classes=np.ones((4, 2), dtype=np.float32)),
        class_counts=np.array([1, 1]),
    )
    selected, _ = select_images(QUERY_STRATEGIES.build(strategy), query, SelectionSettings(3), annotator=None)
    assert selected.tolist() == expected


@pytest.mark.parametrize(
    ('size', 'expected'), [(1, [3]), (3, [3]), (4, [3, 1]), (5, [3, 1, 4]), (99, [3, 1, 4, 6])]
)
def test_budget_of_boxes_labels_images_until_it_is_spent(size, expected) -> None:
    selected, asked = ask(size, 'box')
    assert selected == expected
    assert asked == [0, 5, *expected]  # of new images no label is asked for that is not used


def test_candidates_leave_out_labeled_and_excluded_images() -> None:
    settings = SelectionSettings(1, excluded=(3, 4))
    assert candidates(8, settings, 0, 0).tolist() == [1, 2, 6, 7]


def test_fraction_is_drawn_anew_in_each_cycle_and_repeatable() -> None:
    settings = SelectionSettings(1, fraction=0.2)
    first, again, other = (candidates(102, settings, 7, cycle) for cycle in (0, 0, 1))
    assert len(first) == 20 and (np.diff(first) > 0).all() and not {0, 5} & set(first)
    assert first.tolist() == again.tolist() != other.tolist()


def test_fraction_leaves_enough_for_the_budget() -> None:
    assert len(candidates(102, SelectionSettings(50, fraction=0.2), 7, 0)) == 50
    assert len(candidates(12, SelectionSettings(50, fraction=0.2), 7, 0)) == 10
    assert len(candidates(102, SelectionSettings(50, 'box', 0.2), 7, 0)) == 20


@pytest.mark.parametrize('chosen', [[1], [1, 1], [1, 0], [1, 2], [1, 3, 4]])
@pytest.mark.parametrize('unit', ['image', 'box'])
def test_a_strategy_that_selects_anything_else_than_candidates_is_named(chosen, unit) -> None:
    class Wrong(QueryStrategy):
        def rank(self, query, count):
            return np.array(chosen)

    query = Query(
        candidates=np.array([1, 3, 4]), labeled=np.array([2]), scores=np.zeros(6, np.float32), seed=0
    )
    with pytest.raises(ValueError, match='was asked for 2 of 3 candidates'):
        select_images(
            Wrong(), query, SelectionSettings(2 if unit == 'image' else 3, unit), CountingAnnotator()
        )


def test_settings_out_of_range() -> None:
    for wrong in (dict(size=0), dict(size=1, unit='meter'), dict(size=1, fraction=0)):
        with pytest.raises(ValueError, match='budget|query_fraction'):
            SelectionSettings(**wrong)
    with pytest.raises(ValueError, match='both'):
        SelectionSettings(1, excluded=(1,), included=(1, 2))


def test_image_positions_of_names_and_numbers() -> None:
    assert image_positions(['c', 0, 'a'], ['a', 'b', 'c']) == (0, 2)
    with pytest.raises(ValueError, match='2 images are not in the pool'):
        image_positions(['x', 9], ['a'])
    with pytest.raises(
        ValueError, match=r"several images of the pool are called \['a'\]: give their indices"
    ):
        image_positions(['a', 'b'], ['a', 'b', 'a'])
    assert image_positions([2], ['a', 'b', 'a']) == (2,)


def test_splits_with_excluded_and_included_images() -> None:
    split = initial_split(20, 5, 666, excluded=(1, 2), included=(7, 8))
    assert {7, 8} <= set(split.labeled) and len(split.labeled) == 5
    assert not {1, 2} & {*split.labeled, *split.unlabeled}
    following = next_split(split, np.setdiff1d([3, 4, 6, 9, 10], split.labeled)[:2], 20, 666, excluded=(1, 2))
    assert not {1, 2} & {*following.labeled, *following.unlabeled}
    with pytest.raises(ValueError, match='choose 3 to 20'):
        initial_split(20, 2, 666, included=(1, 2, 3))


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    return draw_tiny_data(tmp_path_factory.mktemp('data') / 'voc', 12, 2)


@pytest.mark.parametrize(
    'strategy',
    [
        dict(type='coreset'),
        dict(
            type='without_near_duplicates',
            strategy=dict(type='class_balanced', strategy=dict(type='entropy')),
        ),
    ],
    ids=['coreset', 'wrapped'],
)
def test_whole_run_with_features_and_a_budget_of_boxes(strategy, data_root, tmp_path) -> None:
    schedule = [dict(name='label', epochs=1, labeled_losses=['loss_cls', 'loss_bbox'])]
    run = tiny_train(
        data_root,
        tmp_path,
        query=dict(_delete_=True, **strategy),
        schedule=schedule,
        budget=dict(unit='box', size=4),
        score_chunk_size=5,
        exclude=['000001'],
    )
    first, second = (np.load(run / f'X_L_{cycle}.npy') for cycle in (0, 1))
    assert set(first) < set(second) and 0 not in second
    names = (data_root / 'VOC2007/ImageSets/Main/trainval.txt').read_text().split()
    boxes = [
        (data_root / f'VOC2007/Annotations/{names[i]}.xml').read_text().count('<object>')
        for i in np.setdiff1d(second, first)
    ]
    assert sum(boxes) >= 4 > sum(boxes) - max(boxes)
    before, after = (entry['boxes'] for entry in json.loads((run / 'metrics.json').read_text()))
    assert after - before == sum(boxes)
    pooled = np.load(run / 'cycle0' / 'features_pooled.npy')
    assert pooled.shape == (12, 8)
    assert np.isnan(pooled[0]).all() and np.isfinite(pooled[1:]).all()
    assert not list((run / 'cycle0').glob('*part*'))
