"""MI-AOD's own query: aggregates of the uncertainty of the head."""

from __future__ import annotations

import pytest
import torch

from mmdet_miaod.active.query import QUERY_STRATEGIES
from tests.active.query.tiny import FeatureModel
from tests.models.tiny import random_features, tiny_head


@pytest.fixture
def model() -> FeatureModel:
    torch.manual_seed(0)
    return FeatureModel(tiny_head())


def scores(model, feats, **settings) -> torch.Tensor:
    return QUERY_STRATEGIES.build(dict(type='miaod', **settings)).score(model, feats, [{}, {}])


def test_the_score_is_the_mean_of_the_k_most_uncertain_instances(model) -> None:
    feats = random_features(0, 2, 64, 64)
    found = scores(model, feats, k=7)
    assert found.shape == (2,) and found.dtype == torch.float32
    assert torch.equal(found, model.bbox_head.uncertainty(feats, 7))


def test_sum_and_maximum(model) -> None:
    feats = random_features(0, 2, 64, 64)
    uncertainty = model.bbox_head.uncertainty
    torch.testing.assert_close(scores(model, feats, k=50, aggregation='sum'), 50 * uncertainty(feats, 50))
    torch.testing.assert_close(scores(model, feats, k=50, aggregation='max'), uncertainty(feats, 1))


def test_a_sum_over_fewer_than_k_instances_is_that_of_all(model) -> None:
    feats = random_features(0, 2, 64, 64)
    anchors = 9 * sum(level.shape[-1] ** 2 for level in feats)
    expected = anchors * model.bbox_head.uncertainty(feats, 10**6)
    torch.testing.assert_close(scores(model, feats, aggregation='sum'), expected)


def test_settings_out_of_range() -> None:
    with pytest.raises(ValueError, match='k is 0'):
        QUERY_STRATEGIES.build(dict(type='miaod', k=0))
    with pytest.raises(ValueError, match="aggregation is 'median'"):
        QUERY_STRATEGIES.build(dict(type='miaod', aggregation='median'))
