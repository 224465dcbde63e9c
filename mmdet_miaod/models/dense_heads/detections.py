"""From dense predictions to the boxes of an image: pure tensor functions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import batched_nms


@dataclass(frozen=True)
class Candidates:
    """Anchors of a batch that may become detections.

    Attributes:
        scores: (B, m, C) what detections are ranked by.
        probabilities: (B, m, C) of the foreground classes; the scores themselves, but in heads that rank by
            the quality of a box too.
        deltas: (B, m, 4) encoded boxes.
        anchors: (B, m, 4).
    """

    scores: Tensor
    probabilities: Tensor
    deltas: Tensor
    anchors: Tensor


def keep_best_anchors(level: Candidates, limit: int) -> Candidates:
    """Keep a level's anchors of the highest score, with all their classes, image by image.

    (MMDetection 2.28 keeps the best pairs of anchor and class instead; the published detections are made
    this way.)

    Args:
        level: the candidates of one level.
        limit: anchors an image that stay; 0 or less: all.
    """
    if not 0 < limit < level.scores.shape[1]:
        return level
    best = level.scores.amax(dim=-1).topk(limit, dim=1).indices[..., None]
    kept = (values.gather(1, best.expand(-1, -1, values.shape[-1])) for values in vars(level).values())
    return Candidates(*kept)


def class_wise_nms(
    boxes: Tensor,
    scores: Tensor,
    probabilities: Tensor,
    score_thr: float,
    iou_threshold: float,
    max_per_img: int,
) -> tuple[Tensor, Tensor]:
    """Non-maximum suppression within each class of one image.

    Args:
        boxes: (n, 4).
        scores: (n, C); an anchor may count for several classes.
        probabilities: (n, C), see :class:`Candidates`.
        score_thr: probabilities have to be larger than this.
        iou_threshold: of two boxes of a class that overlap more, the better one stays.
        max_per_img: boxes kept at most; 0 or less: all.

    Returns:
        Detections (m, 5) with the score last, best first, and their class indices (m,).
    """
    rows, labels = (probabilities > score_thr).nonzero(as_tuple=True)
    boxes, scores = boxes[rows], scores[rows, labels]
    kept = batched_nms(boxes, scores, labels, iou_threshold)
    if max_per_img > 0:
        kept = kept[:max_per_img]
    return torch.cat([boxes[kept], scores[kept, None]], dim=1), labels[kept]
