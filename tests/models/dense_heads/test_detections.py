import pytest
import torch

from mmdet_miaod.models.dense_heads.detections import (
    Candidates,
    DetectionLimits,
    class_wise_nms,
    keep_best_anchors,
)

BOXES = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]])


def test_best_anchors_keep_all_classes() -> None:
    scores = torch.tensor([[[0.9, 0.8], [0.1, 0.2], [0.5, 0.0]], [[0.0, 0.0], [0.1, 0.2], [0.0, 0.3]]])
    deltas = torch.arange(24.0).view(2, 3, 4)
    levels = torch.arange(3).view(1, 3, 1).expand(2, 3, 1)
    level = Candidates(scores, 1 - scores, deltas, BOXES.expand(2, 3, 4), levels)
    kept = keep_best_anchors(level, 2)
    assert torch.equal(kept.scores, torch.stack([scores[0, [0, 2]], scores[1, [2, 1]]]))
    assert torch.equal(kept.probabilities, 1 - kept.scores)
    assert torch.equal(kept.deltas, torch.stack([deltas[0, [0, 2]], deltas[1, [2, 1]]]))
    assert torch.equal(kept.anchors, torch.stack([BOXES[[0, 2]], BOXES[[2, 1]]]))
    assert kept.levels[..., 0].tolist() == [[0, 2], [2, 1]]


def test_no_limit_keeps_everything() -> None:
    scores = torch.rand(1, 3, 2)
    level = Candidates(scores, scores, torch.rand(1, 3, 4), BOXES[None], torch.zeros(1, 3, 1).long())
    for limit in (-1, 0, 3, 99):
        assert keep_best_anchors(level, limit) is level


def test_suppression_is_within_a_class() -> None:
    scores = torch.tensor([[0.9, 0.3], [0.8, 0.6], [0.5, 0.1]])
    detections, labels = class_wise_nms(BOXES, scores, scores, DetectionLimits(0.2, 0.5, 100))
    assert labels.tolist() == [0, 1, 0]
    torch.testing.assert_close(detections[:, 4], torch.tensor([0.9, 0.6, 0.5]))
    assert torch.equal(detections[:, :4], BOXES[[0, 1, 2]])
    assert len(class_wise_nms(BOXES, scores, scores, DetectionLimits(0.2, 0.95, 100))[0]) == 5
    assert class_wise_nms(BOXES, scores, scores, DetectionLimits(0.2, 0.5, 2))[1].tolist() == [0, 1]


def test_nothing_above_the_threshold() -> None:
    doubtful = torch.full((3, 2), 0.05)
    detections, labels = class_wise_nms(BOXES, doubtful, doubtful, DetectionLimits(0.05, 0.5, 100))
    assert detections.shape == (0, 5)
    assert labels.shape == (0,)


def test_the_threshold_is_one_of_the_probabilities() -> None:
    probabilities = torch.tensor([[0.9], [0.8], [0.1]])
    scores = probabilities * torch.tensor([[0.1], [0.2], [1.0]])
    detections, _ = class_wise_nms(BOXES, scores, probabilities, DetectionLimits(0.5, 0.95, 100))
    assert torch.equal(detections[:, :4], BOXES[[1, 0]])
    torch.testing.assert_close(detections[:, 4], torch.tensor([0.16, 0.09]))


def test_limits_are_read_from_test_cfg() -> None:
    good = dict(score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100)
    assert DetectionLimits.from_config(good) == DetectionLimits(0.05, 0.5, 100, -1)
    for wrong, message in (
        (dict(nms=dict(type='soft_nms', iou_threshold=0.5)), "nms.type='soft_nms' is not supported"),
        (dict(nms=dict(type='nms', iou_thr=0.5)), 'nms.iou_threshold is None'),
        (dict(min_bbox_size=8), 'min_bbox_size=8 is not supported'),
        (dict(max_per_img=None), 'max_per_img is None'),
        (dict(score_thr='low'), "score_thr is 'low'"),
    ):
        with pytest.raises(ValueError, match=message):
            DetectionLimits.from_config({**good, **wrong})
    with pytest.raises(ValueError, match='score_thr is None'):
        DetectionLimits.from_config(None)
