"""Detections with class, score, box and feature, for strategies that compare what images show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, normalize
from torchvision.ops import batched_nms

from ...models.dense_heads.branch_outputs import full_precision
from ...models.dense_heads.detections import DetectionLimits

# PPAL's limits for the comparison of images (arXiv:2211.11612).
COMPARED = DetectionLimits(score_thr=0.05, iou_threshold=0.5, max_per_img=100, nms_pre=3000)
_LABEL, _SCORE, _BOX, _FEATURE = 0, 1, slice(2, 6), slice(6, None)  # columns of described detections


@dataclass(frozen=True)
class FoundBoxes:
    """Detections of one image, best first.

    Attributes:
        boxes: ``(n, 4)`` float32 in pixels of the network's input.
        scores: ``(n,)`` class probabilities.
        labels: ``(n,)`` int64.
        levels: ``(n,)`` int64 number of the level that each is from.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    levels: Tensor


@torch.no_grad()
def find_boxes(
    model: torch.nn.Module, feats: Sequence[Tensor], img_metas: Sequence[dict], limits: DetectionLimits
) -> list[FoundBoxes]:
    """Detections of classifier 1 with suppression within each class, whatever ``test_cfg`` says.

    Args:
        model: with an MI-AOD head.
        feats: ``(B, channels, H, W)`` per level.
        img_metas: meta data per image; ``img_shape`` is read.
        limits: which detections stay; those with a probability of exactly ``score_thr`` do.
    """
    head = model.bbox_head
    maps = head.forward_branches(feats, ('f_1', 'f_r'))
    found = []
    with full_precision(feats[0].device):
        candidates = head.detection_candidates(maps, limits.nms_pre)
        for image, meta in enumerate(img_metas):
            probabilities = candidates.probabilities[image]
            rows, labels = (probabilities >= limits.score_thr).nonzero(as_tuple=True)
            boxes = head.bbox_coder.decode(
                candidates.anchors[image, rows], candidates.deltas[image, rows], max_shape=meta['img_shape']
            )
            kept = batched_nms(boxes, candidates.scores[image, rows, labels], labels, limits.iou_threshold)
            kept = kept[: limits.max_per_img]
            rows, labels = rows[kept], labels[kept]
            levels = candidates.levels[image, rows, 0]
            found.append(FoundBoxes(boxes[kept], probabilities[rows, labels], labels, levels))
    return found


@torch.no_grad()
def describe_detections(
    model: torch.nn.Module,
    feats: Sequence[Tensor],
    img_metas: Sequence[dict],
    *,
    limits: DetectionLimits = COMPARED,
    swapped: bool = False,
) -> Tensor:
    """Class, score, box and feature of each image's detections.

    The feature is that of classifier 1's tower on the level that the detection is from, bilinear at the
    center of the box, L2-normalized (PPAL, Yang et al., CVPR 2024, arXiv:2211.11612).

    Args:
        model: with an MI-AOD head.
        feats: ``(B, channels, H, W)`` per level.
        img_metas: meta data per image; ``img_shape`` is read.
        limits: which detections there are; ``max_per_img`` has to be positive.
        swapped: read features where PPAL's published code does, which divides x by the image's height and y
            by its width; features outside of the map are 0 there.

    Returns:
        ``(B, max_per_img, 6 + D)`` float32, best first: label, score, x1, y1, x2, y2, feature. Rows of zeros
        follow the detections of an image.

    Raises:
        ValueError: levels have different numbers of channels, so that features cannot be compared (SSD).
    """
    maps = [level.float() for level in model.bbox_head.class_features(feats)]
    if len(set(widths := [level.shape[1] for level in maps])) > 1:
        raise ValueError(f'detections of levels with {widths} channels cannot be compared: use another head')
    described = maps[0].new_zeros(len(img_metas), limits.max_per_img, 6 + widths[0])
    strides = model.bbox_head.prior_generator.strides
    for image, found in enumerate(find_boxes(model, feats, img_metas, limits)):
        rows, meta = described[image, : len(found.labels)], img_metas[image] if swapped else None
        rows[:, _LABEL], rows[:, _SCORE], rows[:, _BOX] = found.labels, found.scores, found.boxes
        for number, (level, stride) in enumerate(zip(maps, strides, strict=True)):
            here = found.levels == number
            rows[here, _FEATURE] = _features_at(found.boxes[here], level[image], stride, meta)
    return described


def _features_at(boxes: Tensor, level: Tensor, stride: tuple[int, int], swapped_meta: dict | None) -> Tensor:
    """Values ``(n, D)`` of length 1 of a map ``(D, H, W)`` at the centers of boxes ``(n, 4)``, bilinear.

    With ``swapped_meta`` of the image, x is divided by its height and y by its width.
    """
    extent = (
        swapped_meta['img_shape'][:2]
        if swapped_meta
        else (level.shape[-1] * stride[0], level.shape[-2] * stride[1])
    )
    points = (boxes[:, :2] + boxes[:, 2:]) / 2 / boxes.new_tensor(extent)
    grid = (2 * points - 1)[None, None]
    padding = 'zeros' if swapped_meta else 'border'
    sampled = grid_sample(level[None], grid, padding_mode=padding, align_corners=False)[0, :, 0].T
    return normalize(sampled, dim=1)


@dataclass(frozen=True)
class Detections:
    """Detections of several images, one after another, image by image and best first.

    Attributes:
        images: ``(m,)`` int64 position of the image among those that were described, ascending.
        ranks: ``(m,)`` int64 place among the image's detections, from 0.
        labels: ``(m,)`` int64.
        scores: ``(m,)`` float32 in (0, 1].
        boxes: ``(m, 4)`` float32 in pixels of the network's input.
        features: ``(m, D)`` float32 of length 1.
    """

    images: np.ndarray
    ranks: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    features: np.ndarray

    @classmethod
    def unpack(cls, described: np.ndarray) -> 'Detections':
        """Detections in an array ``(p, n, 6 + D)`` from :func:`describe_detections`.

        Raises:
            ValueError: a number is not finite.
        """
        images, ranks = np.nonzero(described[:, :, _SCORE])
        rows = described[images, ranks]
        if not np.isfinite(rows).all():
            raise ValueError('detections that are not finite (NaN) cannot be compared')
        labels = rows[:, _LABEL].astype(np.int64)
        return cls(images, ranks, labels, rows[:, _SCORE], rows[:, _BOX], rows[:, _FEATURE])


def binary_entropy(probabilities: Tensor) -> Tensor:
    """Entropy in nats of yes-or-no questions, ``-p ln p - (1 - p) ln(1 - p)``, of the same shape."""
    return torch.special.entr(probabilities) + torch.special.entr(1 - probabilities)
