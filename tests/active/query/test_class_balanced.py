"""Rare classes first."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mmdet_miaod.active.query import QUERY_STRATEGIES
from mmdet_miaod.active.query.class_balanced import class_weights
from tests.active.query.tiny import query_of

COUNTS = np.array([50, 1])


def balanced():
    return QUERY_STRATEGIES.build(dict(type='class_balanced', strategy=dict(type='miaod', k=5)))


def ask(scores, classes, count, counts=COUNTS) -> list[int]:
    features = dict(classes=np.array(classes, dtype=np.float32))
    return balanced().rank(query_of(scores, features=features, class_counts=counts), count).tolist()


def test_class_weights_are_the_published_formula() -> None:
    assert_allclose(class_weights(np.array([90, 9, 0])), [102 / 91, 102 / 10, 102 / 1])


def test_rare_classes_first_where_scores_are_alike() -> None:
    assert balanced().features == ('classes',) and balanced().needs_counts
    classes = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
    assert ask([1, 1, 1], classes, 3) == [1, 2, 0]
    # weights 53 / 51 and 53 / 2: the score of image 1 counts 25.5 times
    assert ask([26, 1, 0.1], classes, 1) == [0]
    assert ask([25, 1, 0.1], classes, 1) == [1]


def test_class_balance_of_a_strategy_without_scores_is_refused() -> None:
    with pytest.raises(ValueError, match='coreset'):
        QUERY_STRATEGIES.build(dict(type='class_balanced', strategy=dict(type='coreset')))


def test_class_balance_of_negative_scores_is_refused() -> None:
    with pytest.raises(ValueError, match='needs scores of at least 0'):
        ask([-1, 2], np.ones((2, 2)), 1)


def test_class_balance_without_counts_is_refused() -> None:
    with pytest.raises(ValueError, match='labeled boxes per class'):
        ask([1, 2], np.ones((2, 2)), 1, counts=None)
