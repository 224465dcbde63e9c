"""From dense predictions to the boxes of an image: pure tensor functions."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import batched_nms


def keep_best_anchors(
    scores: Tensor, deltas: Tensor, anchors: Tensor, limit: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Keep a level's anchors of the highest class score, with all their classes, image by image.

    (MMDetection 2.28 keeps the best pairs of anchor and class instead; the published detections are made
    this way.)

    Args:
        scores: (B, n, C) class scores of one level.
        deltas: (B, n, 4) encoded boxes.
        anchors: (n, 4), the same for every image.
        limit: anchors an image that stay; 0 or less: all.

    Returns:
        scores (B, m, C), deltas (B, m, 4) and anchors (B, m, 4).
    """
    anchors = anchors.expand_as(deltas)
    if not 0 < limit < scores.shape[1]:
        return scores, deltas, anchors
    best = scores.amax(dim=-1).topk(limit, dim=1).indices[..., None]
    return (
        scores.gather(1, best.expand(-1, -1, scores.shape[-1])),
        deltas.gather(1, best.expand(-1, -1, 4)),
        anchors.gather(1, best.expand(-1, -1, 4)),
    )


def class_wise_nms(
    boxes: Tensor, scores: Tensor, score_thr: float, iou_threshold: float, max_per_img: int
) -> tuple[Tensor, Tensor]:
    """Non-maximum suppression within each class of one image.

    Args:
        boxes: (n, 4).
        scores: (n, C); an anchor may count for several classes.
        score_thr: scores have to be larger than this.
        iou_threshold: of two boxes of a class that overlap more, the better one stays.
        max_per_img: boxes kept at most; 0 or less: all.

    Returns:
        Detections (m, 5) with the score last, best first, and their class indices (m,).
    """
    rows, labels = (scores > score_thr).nonzero(as_tuple=True)
    boxes, scores = boxes[rows], scores[rows, labels]
    kept = batched_nms(boxes, scores, labels, iou_threshold)
    if max_per_img > 0:
        kept = kept[:max_per_img]
    return torch.cat([boxes[kept], scores[kept, None]], dim=1), labels[kept]
