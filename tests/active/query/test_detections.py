"""Entropy, least confidence and margin against their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from numpy.testing import assert_allclose
from scipy.stats import entropy
from torchvision.ops import box_iou

from mmdet_miaod.active.query import QUERY_STRATEGIES
from mmdet_miaod.active.query.detections import (
    detected_instances,
    instance_entropy,
    least_confidence,
    squared_margin,
    with_absence,
)
from tests.active.query.tiny import FeatureModel
from tests.models.tiny import image_metas, random_features, ssd_head, tiny_head

PROBABILITIES = torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [1.0, 0.0, 0.0]])


@pytest.fixture
def model():
    torch.manual_seed(0)
    head = tiny_head()
    with torch.no_grad():
        head.f_1_retina.weight.mul_(30)
    return FeatureModel(head)


def test_entropy_of_exclusive_classes_is_shannons() -> None:
    expected = [entropy(row) for row in PROBABILITIES.double().numpy()]
    assert_allclose(instance_entropy(PROBABILITIES, exclusive=True), expected, rtol=1e-6)


def test_entropy_of_independent_classes_adds_up() -> None:
    expected = [sum(entropy([p, 1 - p]) for p in row) for row in PROBABILITIES.double().numpy()]
    assert_allclose(instance_entropy(PROBABILITIES, exclusive=False), expected, rtol=1e-6)


def test_least_confidence_and_margin() -> None:
    assert_allclose(least_confidence(PROBABILITIES), [0.3, 0.5, 0.0], atol=1e-7)
    assert_allclose(squared_margin(PROBABILITIES), [0.25, 0.5625, 0.0], atol=1e-6)


def test_a_sigmoid_head_says_as_well_that_there_is_no_object() -> None:
    found = torch.tensor([[0.95, 0.1], [0.5, 0.4], [0.06, 0.01]])
    assert_allclose(with_absence(found), [[0.95, 0.1, 0.05], [0.5, 0.4, 0.5], [0.06, 0.01, 0.94]], rtol=1e-6)
    for name, expected in (
        ('least_confidence', [0.05, 0.5, 0.06]),
        ('margin', [0.15**2, 1, 0.12**2]),
    ):
        strategy = QUERY_STRATEGIES.build(dict(type=name))
        assert_allclose(strategy.instance_values(found, exclusive=False), expected, atol=1e-6)


@pytest.mark.parametrize('aggregation', ['max', 'mean', 'sum'])
@pytest.mark.parametrize('name', ['entropy', 'least_confidence', 'margin'])
def test_image_score_is_the_aggregate_over_detections(model, name, aggregation) -> None:
    feats = random_features(3, 2, 64, 96)
    strategy = QUERY_STRATEGIES.build(dict(type=name, aggregation=aggregation))
    found = detected_instances(model, feats)
    assert all(len(instances) > 1 for instances in found)
    values = [strategy.instance_values(instances, exclusive=False) for instances in found]
    expected = [getattr(image, aggregation)().item() for image in values]
    assert_allclose(strategy.score(model, feats, image_metas([(64, 96)] * 2)), expected, rtol=1e-6)


def test_instances_are_the_detections_without_repeated_places(model) -> None:
    """With one class a detection is an instance: the same scores as the detector's own results."""
    torch.manual_seed(1)
    head = tiny_head(1)
    feats = random_features(3, 2, 64, 96)
    detections = head.predict(feats, image_metas([(4096, 4096)] * 2))
    for found, (boxes, _) in zip(detected_instances(FeatureModel(head), feats), detections, strict=True):
        # The detector clips boxes to the image, which changes overlaps at the border.
        assert abs(len(found) - len(boxes)) <= 2
        assert math.isclose(found.max().item(), boxes[:, 4].max().item(), rel_tol=1e-6)


def test_a_place_counts_once_whatever_its_classes(model) -> None:
    feats = random_features(3, 1, 64, 96)
    candidates = model.bbox_head.detection_candidates(model.bbox_head.forward_branches(feats, ('f_1', 'f_r')))
    boxes = model.bbox_head.bbox_coder.decode(candidates.anchors[0], candidates.deltas[0]).detach()
    best = candidates.scores[0].amax(dim=-1).tolist()
    kept: list[int] = []
    for i in sorted(range(len(best)), key=lambda i: -best[i]):
        apart = all(box_iou(boxes[i, None], boxes[j, None]).item() <= 0.5 for j in kept)
        if best[i] > 0.1 and apart and len(kept) < 100:
            kept.append(i)
    (found,) = detected_instances(model, feats)
    assert len(kept) > 5
    assert_allclose(found, candidates.probabilities[0, kept].detach(), rtol=1e-6)


def test_image_without_detections_scores_zero(model) -> None:
    with torch.no_grad():
        model.bbox_head.f_1_retina.weight.zero_()
        model.bbox_head.f_1_retina.bias.fill_(-20)
    strategy = QUERY_STRATEGIES.build(dict(type='entropy', aggregation='max'))
    assert strategy.score(model, random_features(3, 2, 64, 96), [{}, {}]).tolist() == [0, 0]


def test_softmax_heads_count_the_background_among_the_classes() -> None:
    torch.manual_seed(0)
    head = ssd_head(5, 4)
    feats = [torch.randn(1, 4, size, size) for size in (38, 19, 10, 5, 3, 1)]
    (found,) = detected_instances(FeatureModel(head), feats)
    assert found.shape[1] == 6
    assert_allclose(found.sum(dim=1).detach(), 1, rtol=1e-5)


def test_unknown_aggregation() -> None:
    with pytest.raises(ValueError, match='median'):
        QUERY_STRATEGIES.build(dict(type='entropy', aggregation='median'))
