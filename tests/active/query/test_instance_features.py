"""Detections and their features against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmdet_miaod.active.query import instance_features as module
from mmdet_miaod.active.query.instance_features import Detections, FoundBoxes, describe_detections, find_boxes
from mmdet_miaod.models.dense_heads.detections import DetectionLimits
from tests.active.query.tiny import FeatureModel, describe
from tests.models.tiny import image_metas, random_features, ssd_head, tiny_head

SIZE = (64, 96)


@pytest.fixture
def model():
    torch.manual_seed(0)
    head = tiny_head()
    with torch.no_grad():
        head.f_1_retina.weight.mul_(8)
    return FeatureModel(head)


def batch(count=2):
    return random_features(0, count, *SIZE), image_metas([SIZE] * count)


def test_boxes_are_those_of_the_detector_under_the_same_limits(model) -> None:
    feats, metas = batch()
    limits = DetectionLimits(0.1, 0.5, 100, 1000)  # as the head's test_cfg
    for found, (boxes, labels) in zip(
        find_boxes(model, feats, metas, limits), model.bbox_head.predict(feats, metas)
    ):
        assert len(labels) > 10
        assert torch.equal(found.boxes, boxes[:, :4]) and torch.equal(found.scores, boxes[:, 4])
        assert torch.equal(found.labels, labels)


def test_a_probability_of_exactly_the_limit_stays(model) -> None:
    feats, metas = batch(1)
    best = find_boxes(model, feats, metas, DetectionLimits(0.1, 0.5, 1, 1000))[0].scores.item()
    assert len(find_boxes(model, feats, metas, DetectionLimits(best, 0.5, 9, 1000))[0].labels) == 1
    assert len(find_boxes(model, feats, metas, DetectionLimits(best * 1.001, 0.5, 9, 1000))[0].labels) == 0


def bilinear(level, x, y) -> np.ndarray:
    """Value of a map at cell coordinates, whose centers are whole numbers; the border goes on outside."""
    height, width = level.shape[1:]
    total = np.zeros(len(level))
    for row in (int(np.floor(y)), int(np.floor(y)) + 1):
        for column in (int(np.floor(x)), int(np.floor(x)) + 1):
            weight = (1 - abs(y - row)) * (1 - abs(x - column))
            total += weight * level[:, min(max(row, 0), height - 1), min(max(column, 0), width - 1)]
    return total


def test_features_are_bilinear_at_the_center_on_the_detections_level(model) -> None:
    feats, metas = batch()
    described = describe_detections(model, feats, metas)
    assert described.shape == (2, 100, 6 + 8) and (described[..., 1] > 0).sum() > 20
    maps = model.bbox_head.class_features(feats)
    for image, found in enumerate(find_boxes(model, feats, metas, module.COMPARED)):
        assert len(set(found.levels.tolist())) > 1
        for row, (box, level) in enumerate(zip(found.boxes, found.levels)):
            stride = 8 * 2 ** int(level)
            x, y = ((box[:2] + box[2:]) / 2 / stride - 0.5).tolist()
            expected = bilinear(maps[level][image].detach().numpy(), x, y)
            expected /= np.linalg.norm(expected)
            np.testing.assert_allclose(described[image, row, 6:], expected, atol=1e-4)
        assert not described[image, len(found.labels) :].any()


def placed(monkeypatch, box) -> None:
    found = FoundBoxes(torch.tensor([box]), torch.tensor([0.5]), torch.tensor([1]), torch.tensor([0]))
    monkeypatch.setattr(module, 'find_boxes', lambda *args: [found])


def test_as_published_height_and_width_are_swapped(monkeypatch) -> None:
    class Head:
        class prior_generator:
            strides = ((8, 8),)

        def class_features(self, feats):
            return feats

    # Cell (row 3, column 6) of 8 x 12; read at (52 / 64, 28 / 96) of the map: row 1.83, column 9.25.
    level = torch.zeros(1, 2, 8, 12)
    level[0, 0, 3, 6] = level[0, 1, 2, 9] = 1.0

    def feature(**options) -> list[float]:
        described = describe_detections(FeatureModel(Head()), [level], image_metas([SIZE]), **options)
        assert described[0, 0].tolist()[:2] == [1, 0.5]
        return described[0, 0].tolist()[6:]

    placed(monkeypatch, [42.0, 18, 62, 38])
    assert feature() == [1, 0] and feature(swapped=True) == [0, 1]
    # A center farther right than the image is high is outside of the map.
    placed(monkeypatch, [70.0, 18, 90, 38])
    assert feature(swapped=True) == [0, 0]


def test_levels_of_different_width_cannot_be_compared() -> None:
    head = ssd_head(5, 4)
    feats = [torch.randn(1, width, size, size) for width, size in zip((4, 8), (38, 19))]
    with pytest.raises(ValueError, match=r'levels with \[4, 8\] channels'):
        describe_detections(FeatureModel(head), feats, image_metas([(300, 300)]))


def test_nothing_found_is_rows_of_zeros_and_unpacks_to_nothing() -> None:
    head = tiny_head()
    torch.nn.init.constant_(head.f_1_retina.bias, -20.0)
    described = describe_detections(FeatureModel(head), *batch())
    assert not described.any()
    assert len(Detections.unpack(described.numpy()).labels) == 0


def test_unpacked_detections_know_image_and_rank() -> None:
    found = Detections.unpack(describe([[(2, 0.9, (1, 0)), (0, 0.5, (0, 1))], [], [(1, 0.25, (1, 0))]]))
    assert (found.images.tolist(), found.ranks.tolist()) == ([0, 0, 2], [0, 1, 0])
    assert (found.labels.tolist(), found.scores.tolist()) == ([2, 0, 1], [np.float32(0.9), 0.5, 0.25])
    assert found.boxes[0].tolist() == [0, 0, 10, 10] and found.features[1].tolist() == [0, 1]


def test_detections_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match='not finite'):
        Detections.unpack(describe([[(0, np.nan, (1, 0))]]))
