"""Difficulty-calibrated uncertainty against check values and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmdet_miaod.active.query import QUERY_STRATEGIES, dcus
from mmdet_miaod.active.query.dcus import class_entropies, difficulty_weights
from mmdet_miaod.active.query.instance_features import FoundBoxes
from tests.active.query.tiny import FeatureModel, query_of
from tests.models.tiny import image_metas, random_features, tiny_head


def entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def test_the_check_values_of_weights() -> None:
    difficulties = np.array([0, 0.1, 0.5, 1])
    np.testing.assert_allclose(difficulty_weights(1 - difficulties), [1, 1.07855, 1.16051, 1.2], atol=1e-5)


def entropies_of(monkeypatch, boxes, scores, labels, scale=1.0) -> list[float]:
    found = FoundBoxes(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(scores),
        torch.tensor(labels, dtype=torch.long),
        torch.zeros(len(labels), dtype=torch.long),
    )
    monkeypatch.setattr(dcus, 'find_boxes', lambda *args: [found])
    metas = [dict(image_metas([(64, 64)])[0], scale_factor=scale)]
    return class_entropies(FeatureModel(tiny_head()), [torch.zeros(1, 8, 8, 8)], metas)[0].tolist()


def test_entropies_add_up_per_class_and_leave_small_and_long_boxes_out(monkeypatch) -> None:
    boxes = [[0, 0, 20, 20], [0, 0, 17, 17], [0, 0, 16, 16], [0, 0, 100, 20], [0, 0, 20, 99], [5, 5, 5, 60]]
    found = entropies_of(monkeypatch, boxes, [0.5, 0.9, 0.5, 0.5, 0.2, 0.5], [0, 0, 0, 0, 2, 1])
    np.testing.assert_allclose(found, [entropy(0.5) + entropy(0.9), 0, entropy(0.2)], rtol=1e-6)
    # 16 pixels are those of the image: at half its size 10 pixels of the network's input are 20.
    assert entropies_of(monkeypatch, [[0, 0, 10, 10]], [0.5], [1], 0.5) == pytest.approx([0, entropy(0.5), 0])
    assert entropies_of(monkeypatch, [], [], []) == [0, 0, 0]


def test_scores_are_unweighted_sums_and_features_come_in_one_pass() -> None:
    torch.manual_seed(0)
    feats, metas = random_features(0, 2, 64, 64), image_metas([(64, 64)] * 2)
    strategy = QUERY_STRATEGIES.build(dict(type='dcus'))
    found = strategy.score_and_features(
        FeatureModel(tiny_head()), feats, metas, ('class_entropies', 'pooled')
    )
    assert {name: tuple(values.shape) for name, values in found.items()} == {
        'scores': (2,), 'class_entropies': (2, 3), 'pooled': (2, 8),
    }  # fmt: skip
    assert (found['class_entropies'] > 0).any()
    torch.testing.assert_close(found['scores'], found['class_entropies'].sum(dim=1))


def dcus_query(entropies, quality):
    entropies = np.array(entropies, dtype=np.float32)
    features = dict(class_entropies=entropies)
    quality = None if quality is None else np.array(quality)
    return query_of(entropies.sum(axis=1), features=features, class_quality=quality)


def test_difficult_classes_count_more() -> None:
    strategy = QUERY_STRATEGIES.build(dict(type='dcus'))
    entropies = [[1, 0], [0, 0.9], [0.5, 0.5], [0, 0]]
    # Weights 1 and 1.2: 1, 1.08, 1.1, 0.
    assert strategy.rank(dcus_query(entropies, [1, 0]), 4).tolist() == [2, 1, 0, 3]
    assert strategy.rank(dcus_query(entropies, [1, 1]), 4).tolist() == [2, 0, 1, 3]  # of equal ones the last


def test_nothing_detected_anywhere_and_numbers_that_are_none() -> None:
    strategy = QUERY_STRATEGIES.build(dict(type='dcus'))
    assert strategy.rank(dcus_query(np.zeros((3, 1)), [0.3]), 2).tolist() == [2, 1]
    with pytest.raises(ValueError, match='no valid score'):
        strategy.rank(dcus_query([[np.nan, 0], [1, 0]], [0.3, 0.3]), 1)
    with pytest.raises(ValueError, match='quality'):
        strategy.rank(dcus_query([[1, 0]], None), 1)


def test_as_published_quality_is_a_running_mean() -> None:
    assert QUERY_STRATEGIES.build(dict(type='dcus')).needs_quality == 'mean'
    assert QUERY_STRATEGIES.build(dict(type='ppal', as_published=True)).needs_quality == 'running'
