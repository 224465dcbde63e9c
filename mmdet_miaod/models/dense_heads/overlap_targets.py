"""Targets of anchors that are assigned by overlap, in operations on whole tensors.

MMDetection goes through the objects of an image one by one, gathers the positive anchors and counts them.
Each of these reads a value from the device, which on a GPU means waiting for everything queued before it.
Here every anchor gets its targets, and the weights say which count. Overlaps and box targets are computed
here as well, because MMDetection's functions copy their constants to the device at each call. The numbers are
equal to the bit.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from mmdet.core.anchor import anchor_inside_flags, images_to_levels
from mmdet.core.bbox.assigners import MaxIoUAssigner
from mmdet.core.bbox.coder import DeltaXYWHBBoxCoder
from mmdet.core.bbox.iou_calculators import BboxOverlaps2D
from mmdet.core.bbox.samplers import PseudoSampler
from mmdet.models.dense_heads import AnchorHead
from torch import Tensor

SMALLEST_AREA = 1e-6
STOCK_METHODS = ('get_anchors', 'get_targets', '_get_targets_single')


def assigns_by_overlap(head: AnchorHead) -> bool:
    """Whether a head's targets are those of this module: stock methods, assigner, boxes, and no sampling."""
    return (
        type(head.assigner) is MaxIoUAssigner
        and head.assigner.gpu_assign_thr <= 0
        and type(head.assigner.iou_calculator) is BboxOverlaps2D
        and head.assigner.iou_calculator.dtype is None
        and type(head.sampler) is PseudoSampler
        and type(head.bbox_coder) is DeltaXYWHBBoxCoder
        and all(getattr(type(head), name) is getattr(AnchorHead, name) for name in STOCK_METHODS)
    )


def pairwise_overlaps(first: Tensor, second: Tensor, of_first: bool = False) -> Tensor:
    """Overlap of each box with each other one, as ``BboxOverlaps2D`` gives it.

    Args:
        first: (m, 4), or (m, 5) with a score, which is not looked at.
        second: (n, 4) or (n, 5).
        of_first: as a share of the box of ``first``, not of the union of both.

    Returns:
        (m, n) values in [0, 1].
    """
    left, top, right, bottom = first[:, :4].unbind(dim=1)
    lefts, tops, rights, bottoms = second[:, :4].unbind(dim=1)
    width = torch.min(right[:, None], rights) - torch.max(left[:, None], lefts)
    height = torch.min(bottom[:, None], bottoms) - torch.max(top[:, None], tops)
    shared = width.clamp_(min=0) * height.clamp_(min=0)
    whole = ((right - left) * (bottom - top))[:, None]
    if not of_first:
        whole = whole + (rights - lefts) * (bottoms - tops) - shared
    return shared / whole.clamp(min=SMALLEST_AREA)


def assign_by_overlap(
    assigner: MaxIoUAssigner, anchors: Tensor, usable: Tensor, boxes: Tensor, ignored: Tensor | None = None
) -> Tensor:
    """Find each anchor's object, as ``MaxIoUAssigner.assign`` does with the usable anchors alone.

    Args:
        assigner: whose thresholds count.
        anchors: (n, 4).
        usable: (n,) bool.
        boxes: (k, 4) of the objects, k may be 0.
        ignored: (m, 4) regions that are neither object nor background, or None.

    Returns:
        (n,) int64: i + 1 for an anchor of object i, 0 for background, -1 for neither.
    """
    if not len(boxes):
        return usable.long() - 1
    overlaps = pairwise_overlaps(boxes, anchors)
    if assigner.ignore_iof_thr > 0 and ignored is not None and len(ignored):
        regions = _overlap_with_regions(assigner, anchors, ignored)
        overlaps = overlaps.masked_fill(regions > assigner.ignore_iof_thr, -1)
    overlaps = overlaps.masked_fill(~usable, -1)

    highest, nearest = overlaps.max(dim=0)
    low, high = _background_range(assigner)
    assigned = ((highest >= low) & (highest < high)).long() - 1
    assigned = torch.where(highest >= assigner.pos_iou_thr, nearest + 1, assigned)
    if not assigner.match_low_quality:
        return assigned.masked_fill(~usable, -1)
    # An object gets its best anchors, however low their overlap; the last one that wants an anchor has it.
    best, first = overlaps.max(dim=1, keepdim=True)
    if assigner.gt_max_assign_all:
        wanted = overlaps == best
    else:
        wanted = torch.zeros_like(overlaps, dtype=torch.bool).scatter_(1, first, True)
    numbers = torch.arange(1, len(boxes) + 1, device=boxes.device)[:, None]
    last = (numbers * (wanted & (best >= assigner.min_pos_iou))).amax(dim=0)
    return torch.where(last > 0, last, assigned).masked_fill(~usable, -1)


def _overlap_with_regions(assigner: MaxIoUAssigner, anchors: Tensor, ignored: Tensor) -> Tensor:
    if assigner.ignore_wrt_candidates:
        return pairwise_overlaps(anchors, ignored, of_first=True).amax(dim=1)
    return pairwise_overlaps(ignored, anchors, of_first=True).amax(dim=0)


def _background_range(assigner: MaxIoUAssigner) -> tuple[float, float]:
    threshold = assigner.neg_iou_thr
    if isinstance(threshold, tuple):
        return threshold
    return (0.0, threshold) if isinstance(threshold, float) else (0.0, 0.0)


def encode_boxes(anchors: Tensor, boxes: Tensor, coder: DeltaXYWHBBoxCoder) -> Tensor:
    """Offsets and log sizes of boxes relative to anchors, as ``coder.encode`` gives them.

    Args:
        anchors: (n, 4).
        boxes: (n, 4).
        coder: whose means and standard deviations count.

    Returns:
        (n, 4) float32.
    """
    anchors, boxes = anchors.float(), boxes.float()
    first, second = slice(0, 2), slice(2, 4)
    anchor_centers, centers = ((corners[:, first] + corners[:, second]) * 0.5 for corners in (anchors, boxes))
    anchor_sizes, sizes = (corners[:, second] - corners[:, first] for corners in (anchors, boxes))
    deltas = torch.cat([(centers - anchor_centers) / anchor_sizes, torch.log(sizes / anchor_sizes)], dim=1)
    means, stds = (_on_device(tuple(values), anchors.device) for values in (coder.means, coder.stds))
    return (deltas - means) / stds


@functools.lru_cache(maxsize=64)
def _on_device(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)


def image_targets(
    head: AnchorHead,
    anchors: Tensor,
    valid: Tensor,
    img_meta: dict,
    boxes: Tensor,
    labels: Tensor,
    ignored: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Targets of one image's anchors, as ``AnchorHead.get_targets`` gives them.

    Args:
        head: for which :func:`assigns_by_overlap` holds.
        anchors: (n, 4), all levels joined.
        valid: (n,) bool, which of them lie on the padded image.
        img_meta: ``img_shape`` is read.
        boxes: (k, 4) of the objects, k may be 0.
        labels: (k,) int64.
        ignored: see :func:`assign_by_overlap`.

    Returns:
        Labels (n,) int64, label weights (n,), box targets and box weights (n, 4), and the number of positive
        anchors, a 0-d int64 tensor.

    Raises:
        ValueError: no anchor is usable; looked at only where ``allowed_border`` rules anchors out.
    """
    border = head.train_cfg.allowed_border
    usable = anchor_inside_flags(anchors, valid, img_meta['img_shape'][:2], border)
    if border >= 0 and not usable.any():
        raise ValueError(
            f'an image of shape {img_meta["img_shape"]} has no valid anchor: set train_cfg.allowed_border=-1'
        )
    assigned = assign_by_overlap(head.assigner, anchors, usable, boxes, ignored)
    positive = assigned > 0
    weight = head.train_cfg.pos_weight if head.train_cfg.pos_weight > 0 else 1.0
    label_weights = torch.where(positive, weight, (assigned == 0).to(anchors.dtype))
    target_labels = torch.full_like(assigned, head.num_classes)
    bbox_targets = torch.zeros_like(anchors)
    if len(boxes):
        own = (assigned - 1).clamp(min=0)
        target_labels = torch.where(positive, labels[own], target_labels)
        found = boxes[own] if head.reg_decoded_bbox else encode_boxes(anchors, boxes[own], head.bbox_coder)
        bbox_targets = torch.where(positive[:, None], found, bbox_targets)
    bbox_weights = positive[:, None].to(anchors.dtype).expand(-1, 4)
    return target_labels, label_weights, bbox_targets, bbox_weights, positive.sum()


def overlap_targets(
    head: AnchorHead,
    anchors: Sequence[Sequence[Tensor]],
    valid: Sequence[Sequence[Tensor]],
    img_metas: Sequence[dict],
    boxes: Sequence[Tensor],
    labels: Sequence[Tensor],
    ignored: Sequence[Tensor] | None = None,
) -> tuple[list[Tensor] | Tensor, ...]:
    """Targets of a batch, as ``AnchorHead.get_targets`` gives them.

    Args:
        head: for which :func:`assigns_by_overlap` holds.
        anchors: (n, 4) an image and level, from ``AnchorHead.get_anchors``.
        valid: (n,) bool an image and level, from the same.
        img_metas: meta data of each image.
        boxes: (k, 4) an image.
        labels: (k,) int64 an image.
        ignored: (m, 4) an image, or None.

    Returns:
        Labels, label weights (B, n), box targets and box weights (B, n, 4), each a list with one tensor a
        level, and what losses are divided by: positive anchors, at least 1 an image, a 0-d int64 tensor.
    """
    regions = ignored or [None] * len(boxes)
    images = zip(anchors, valid, img_metas, boxes, labels, regions, strict=True)
    found = [image_targets(head, torch.cat(a), torch.cat(v), *image) for a, v, *image in images]
    *targets, num_positive = zip(*found, strict=True)
    level_sizes = [len(level) for level in anchors[0]]
    by_level = [images_to_levels(list(values), level_sizes) for values in targets]
    return *by_level, torch.stack(num_positive).clamp(min=1).sum()
