"""Wrappers: class balance and near-duplicates; the miaod strategy's aggregations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mmdet_miaod.active.query.base import QUERY_STRATEGIES, Query, QueryStrategy
from mmdet_miaod.active.query.class_balanced import class_weights
from mmdet_miaod.active.query.image_features import class_presence, pooled_features
from tests.active.query.test_detections import Model
from tests.models.tiny import random_features, tiny_head


def query(scores, size, labeled=(), **extra) -> Query:
    labeled = np.array(labeled, dtype=np.int64)
    candidates = np.setdiff1d(np.arange(len(scores)), labeled)
    return Query(candidates, size, np.array(scores, dtype=np.float32), labeled, 0, **extra)


def test_class_weights_are_the_published_formula() -> None:
    assert_allclose(class_weights(np.array([90, 9, 0])), [102 / 91, 102 / 10, 102 / 1])


def test_rare_classes_first_where_scores_are_alike() -> None:
    strategy = QUERY_STRATEGIES.build(dict(type='class_balanced', strategy=dict(type='miaod', k=5)))
    assert strategy.features == ('classes',) and strategy.needs_counts
    classes = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], dtype=np.float32)
    asked = query([1, 1, 1], 3, features=dict(classes=classes), class_counts=np.array([50, 1]))
    assert strategy.select(asked).tolist() == [0, 2, 1]
    # weights 53 / 51 and 53 / 2: the score of image 1 counts 25.5 times
    asked = query([26, 1, 0.1], 1, features=dict(classes=classes), class_counts=np.array([50, 1]))
    assert strategy.select(asked).tolist() == [0]
    asked = query([25, 1, 0.1], 1, features=dict(classes=classes), class_counts=np.array([50, 1]))
    assert strategy.select(asked).tolist() == [1]


def test_class_balance_of_a_strategy_without_scores_is_refused() -> None:
    with pytest.raises(ValueError, match='coreset'):
        QUERY_STRATEGIES.build(dict(type='class_balanced', strategy=dict(type='coreset')))


@QUERY_STRATEGIES.register_module(name='test_brightness')
class Brightness(QueryStrategy):
    def image_scores(self, model, img, img_metas):
        return img.mean(dim=(1, 2, 3))


@pytest.mark.parametrize('wrapper', ['class_balanced', 'without_near_duplicates'])
def test_a_strategy_that_scores_images_can_be_wrapped(wrapper) -> None:
    torch.manual_seed(0)
    model = Model(tiny_head())
    model.extract_feat = lambda img: random_features(0, len(img), 64, 64)
    strategy = QUERY_STRATEGIES.build(dict(type=wrapper, strategy=dict(type='test_brightness')))
    found = strategy.describe(model, torch.ones(2, 3, 64, 64), [{}, {}])
    assert found['scores'].tolist() == [1, 1] and found.keys() == {'scores', *strategy.features}
    nested = QUERY_STRATEGIES.build(
        dict(
            type='without_near_duplicates', strategy=dict(type=wrapper, strategy=dict(type='test_brightness'))
        )
    )
    assert nested.describe(model, torch.ones(2, 3, 64, 64), [{}, {}])['scores'].tolist() == [1, 1]


def test_class_balance_of_negative_scores_is_refused() -> None:
    strategy = QUERY_STRATEGIES.build(dict(type='class_balanced', strategy=dict(type='miaod')))
    asked = query(
        [-1, 2], 1, features=dict(classes=np.ones((2, 2), np.float32)), class_counts=np.array([5, 1])
    )
    with pytest.raises(ValueError, match='needs scores of at least 0'):
        strategy.select(asked)


def brute_force(order, directions, labeled, size, threshold) -> list[int]:
    selected = []
    for i in order:
        others = [*labeled, *selected]
        if all(directions[i] @ directions[j] <= threshold for j in others) and len(selected) < size:
            selected.append(i)
    return selected


@pytest.mark.parametrize('inner', ['miaod', 'random', 'coreset'])
def test_near_duplicates_are_passed_over(inner) -> None:
    random = np.random.RandomState(0)
    pooled = np.repeat(random.standard_normal((10, 4)), 3, axis=0)
    pooled = (pooled + 0.01 * random.standard_normal(pooled.shape)).astype(np.float32)
    asked = query(random.uniform(size=30), 6, [0, 3], features=dict(pooled=pooled))
    strategy = QUERY_STRATEGIES.build(
        dict(type='without_near_duplicates', strategy=dict(type=inner), threshold=0.95)
    )
    selected = strategy.select(asked)
    centered = pooled - pooled.mean(axis=0)
    directions = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    order = strategy.strategy.rank(query(asked.scores, 28, [0, 3], features=asked.features))
    assert selected.tolist() == brute_force(order, directions, [0, 3], 6, 0.95)
    assert len(set(selected // 3)) == 6 and not {0, 1} & set(selected // 3)


def test_no_longer_order_is_asked_for_than_is_needed(monkeypatch) -> None:
    strategy = QUERY_STRATEGIES.build(
        dict(type='without_near_duplicates', strategy=dict(type='miaod+coreset', factor=2))
    )
    asked = []
    rank = strategy.strategy.rank
    monkeypatch.setattr(
        strategy.strategy, 'rank', lambda q: asked.append((q.size, q.number_wanted)) or rank(q)
    )
    pooled = np.random.RandomState(0).standard_normal((40, 8)).astype(np.float32)
    pooled[20:36] = pooled[20]
    scores = np.arange(40)
    selected = strategy.select(query(scores, 3, features=dict(pooled=pooled)))
    # The core-set is one of the 6 most uncertain images, 34 to 39, however long an order is asked for.
    assert asked == [(6, 3)] and set(selected) <= set(range(34, 40))
    selected = strategy.select(query(scores[:36], 3, features=dict(pooled=pooled[:36])))
    assert asked[1:] == [(6, 3), (12, 3), (24, 3)]
    assert selected[0] in range(30, 36) and selected[1:].tolist() == [19, 18]


def test_where_too_few_are_left_those_passed_over_follow() -> None:
    pooled = np.array([[1.0, 0], [1, 0], [1, 0], [-1, 0]], dtype=np.float32)
    strategy = QUERY_STRATEGIES.build(dict(type='without_near_duplicates', strategy=dict(type='miaod')))
    asked = query([4, 3, 2, 1], 4, features=dict(pooled=pooled))
    assert strategy.select(asked).tolist() == [0, 3, 1, 2]


def test_pooled_features_and_class_presence() -> None:
    feats = random_features(0, 2, 64, 64)
    expected = np.mean([level.mean(dim=(2, 3)).numpy() for level in feats], axis=0)
    assert_allclose(pooled_features(None, feats), expected, rtol=1e-5, atol=1e-7)
    assert pooled_features(None, [torch.ones(1, 2, 3, 3), torch.ones(1, 5, 1, 1)]).shape == (1, 7)
    torch.manual_seed(0)
    head = tiny_head(3)
    maps = head.forward_branches(feats, ('f_1',))['f_1']
    flat = torch.cat([level.reshape(2, 9, 3, -1) for level in maps], dim=3).sigmoid().amax(dim=(1, 3))
    torch.testing.assert_close(class_presence(Model(head), feats), flat)


def test_miaod_aggregations() -> None:
    torch.manual_seed(0)
    model = Model(tiny_head())
    feats = random_features(0, 2, 64, 64)
    mean, total, largest = (
        QUERY_STRATEGIES.build(dict(type='miaod', k=50, aggregation=name)).score_features(model, feats)
        for name in ('mean', 'sum', 'max')
    )
    torch.testing.assert_close(total, 50 * mean)
    torch.testing.assert_close(largest, model.bbox_head.uncertainty(feats, 1))
    every = QUERY_STRATEGIES.build(dict(type='miaod', aggregation='sum')).score_features(model, feats)
    anchors = 9 * sum(level.shape[-1] ** 2 for level in feats)
    torch.testing.assert_close(every, anchors * model.bbox_head.uncertainty(feats, 10**6))
