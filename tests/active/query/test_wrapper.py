"""Strategies inside others: scores and features of both in one pass."""

from __future__ import annotations

import pytest
import torch

from mmdet_miaod.active.query import QUERY_STRATEGIES
from tests.active.query.tiny import FeatureModel
from tests.models.tiny import random_features, tiny_head


class CountingModel(FeatureModel):
    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(tiny_head())
        self.passes = 0

    def extract_feat(self, img):
        self.passes += 1
        return img


def wrapped(*kinds: str):
    config = dict(type=kinds[-1])
    for kind in reversed(kinds[:-1]):
        config = dict(type=kind, strategy=config)
    return QUERY_STRATEGIES.build(config)


@pytest.mark.parametrize(
    ('kinds', 'features', 'counts'),
    [
        (('class_balanced', 'entropy'), ('classes',), True),
        (('without_near_duplicates', 'miaod'), ('pooled',), False),
        (('without_near_duplicates', 'coreset'), ('pooled',), False),
        (('without_near_duplicates', 'class_balanced', 'entropy'), ('classes', 'pooled'), True),
    ],
    ids=lambda value: '+'.join(value) if isinstance(value, tuple) else None,
)
def test_scores_are_those_of_the_strategy_inside_and_features_those_of_both(kinds, features, counts) -> None:
    model, feats = CountingModel(), random_features(0, 2, 64, 64)
    strategy = wrapped(*kinds)
    assert (strategy.features, strategy.needs_counts) == (features, counts)
    found = strategy.score_and_features(model, feats, [{}, {}], strategy.features)
    assert found.keys() == {'scores', *features}
    assert model.passes == 1
    assert torch.equal(found['scores'], wrapped(kinds[-1]).score(model, feats, [{}, {}]))


def test_images_that_the_strategy_inside_does_not_look_at_have_features_and_a_score_of_zero() -> None:
    strategy = wrapped('without_near_duplicates', 'random')
    assert strategy.needs_model
    model = FeatureModel()
    model.extract_feat = lambda img: random_features(0, len(img), 64, 64)
    found = strategy.score_and_features(model, torch.ones(2, 3, 64, 64), [{}, {}], strategy.features)
    assert found['scores'].tolist() == [0, 0]
    assert found['pooled'].shape == (2, 8)
