import torch

from mmdet_miaod.models.dense_heads.detections import class_wise_nms, keep_best_anchors

BOXES = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]])


def test_best_anchors_keep_all_classes() -> None:
    scores = torch.tensor([[[0.9, 0.8], [0.1, 0.2], [0.5, 0.0]], [[0.0, 0.0], [0.1, 0.2], [0.0, 0.3]]])
    deltas = torch.arange(24.0).view(2, 3, 4)
    kept, kept_deltas, anchors = keep_best_anchors(scores, deltas, BOXES, 2)
    assert torch.equal(kept, torch.stack([scores[0, [0, 2]], scores[1, [2, 1]]]))
    assert torch.equal(kept_deltas, torch.stack([deltas[0, [0, 2]], deltas[1, [2, 1]]]))
    assert torch.equal(anchors, torch.stack([BOXES[[0, 2]], BOXES[[2, 1]]]))


def test_no_limit_keeps_everything() -> None:
    scores, deltas = torch.rand(1, 3, 2), torch.rand(1, 3, 4)
    for limit in (-1, 0, 3, 99):
        kept, kept_deltas, anchors = keep_best_anchors(scores, deltas, BOXES, limit)
        assert torch.equal(kept, scores)
        assert torch.equal(kept_deltas, deltas)
        assert torch.equal(anchors[0], BOXES)


def test_suppression_is_within_a_class() -> None:
    scores = torch.tensor([[0.9, 0.3], [0.8, 0.6], [0.5, 0.1]])
    detections, labels = class_wise_nms(BOXES, scores, 0.2, 0.5, 100)
    assert labels.tolist() == [0, 1, 0]
    torch.testing.assert_close(detections[:, 4], torch.tensor([0.9, 0.6, 0.5]))
    assert torch.equal(detections[:, :4], BOXES[[0, 1, 2]])
    assert len(class_wise_nms(BOXES, scores, 0.2, 0.95, 100)[0]) == 5
    assert class_wise_nms(BOXES, scores, 0.2, 0.5, 2)[1].tolist() == [0, 1]


def test_nothing_above_the_threshold() -> None:
    detections, labels = class_wise_nms(BOXES, torch.full((3, 2), 0.05), 0.05, 0.5, 100)
    assert detections.shape == (0, 5)
    assert labels.shape == (0,)
