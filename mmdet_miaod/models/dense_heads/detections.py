"""From dense predictions to the boxes of an image: pure tensor functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import batched_nms


@dataclass(frozen=True)
class DetectionLimits:
    """Limits on the detections of an image; the fields are keys of ``test_cfg``.

    Attributes:
        score_thr: class probabilities have to be larger than this.
        iou_threshold: of two boxes of a class that overlap more, the better one is kept (in ``nms``).
        max_per_img: largest number of boxes; 0 or less: no limit.
        nms_pre: number of anchors per level that may become boxes; 0 or less: all.
    """

    score_thr: float
    iou_threshold: float
    max_per_img: int
    nms_pre: int = -1

    @classmethod
    def from_config(cls, test_cfg: Mapping[str, Any] | None) -> 'DetectionLimits':
        """Read ``test_cfg``.

        Raises:
            ValueError: a key is missing or no number, or another suppression than plain NMS is asked for.
        """
        test_cfg = test_cfg or {}
        nms = dict(test_cfg.get('nms') or {})
        if nms.get('type', 'nms') != 'nms':
            raise ValueError(f"test_cfg.nms.type={nms['type']!r} is not supported: use 'nms'")
        if (test_cfg.get('min_bbox_size') or 0) > 0:
            raise ValueError(f'test_cfg.min_bbox_size={test_cfg["min_bbox_size"]} is not supported: use 0')
        values = {
            'score_thr': test_cfg.get('score_thr'),
            'nms.iou_threshold': nms.get('iou_threshold'),
            'max_per_img': test_cfg.get('max_per_img'),
            'nms_pre': test_cfg.get('nms_pre', -1),
        }
        for key, value in values.items():
            if not isinstance(value, (int, float)):
                raise ValueError(f'test_cfg.{key} is {value!r}: a number is needed')
        return cls(*values.values())


@dataclass(frozen=True)
class Candidates:
    """Anchors of a batch that may become detections.

    Attributes:
        scores: (B, m, C), detections are ranked by them.
        probabilities: (B, m, C) of the foreground classes; equal to the scores, except in heads that also
            rank by the quality of a box.
        deltas: (B, m, 4) encoded boxes.
        anchors: (B, m, 4).
        levels: (B, m, 1) int64 number of the level that each is on.
    """

    scores: Tensor
    probabilities: Tensor
    deltas: Tensor
    anchors: Tensor
    levels: Tensor


def keep_best_anchors(level: Candidates, limit: int) -> Candidates:
    """Keep the anchors of one level with the highest scores, and all their classes.

    The published detections are made this way; MMDetection 2.28 keeps the best pairs of anchor and class.

    Args:
        level: (B, n, ...) candidates of one level.
        limit: number of anchors kept per image; 0 or less: all.

    Returns:
        (B, m, ...) candidates, m at most ``limit``.
    """
    if not 0 < limit < level.scores.shape[1]:
        return level
    best = level.scores.amax(dim=-1).topk(limit, dim=1).indices[..., None]
    kept = (values.gather(1, best.expand(-1, -1, values.shape[-1])) for values in vars(level).values())
    return Candidates(*kept)


def class_wise_nms(
    boxes: Tensor, scores: Tensor, probabilities: Tensor, limits: DetectionLimits
) -> tuple[Tensor, Tensor]:
    """Non-maximum suppression within each class of one image.

    Args:
        boxes: (n, 4).
        scores: (n, C); an anchor may count for several classes.
        probabilities: (n, C), see :class:`Candidates`.
        limits: threshold, overlap and number of boxes.

    Returns:
        Detections (m, 5) with the score last, best first, and their class indices (m,).
    """
    rows, labels = (probabilities > limits.score_thr).nonzero(as_tuple=True)
    boxes, scores = boxes[rows], scores[rows, labels]
    kept = batched_nms(boxes, scores, labels, limits.iou_threshold)
    if limits.max_per_img > 0:
        kept = kept[: limits.max_per_img]
    return torch.cat([boxes[kept], scores[kept, None]], dim=1), labels[kept]
