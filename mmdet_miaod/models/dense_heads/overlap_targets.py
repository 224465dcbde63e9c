"""Targets of anchors that are assigned by overlap, in operations on whole tensors.

MMDetection assigns the objects of an image one by one, gathers the positive anchors and counts them. Each of
these reads a value from the device, which on a GPU means waiting for everything queued before it. Here every
anchor gets targets, and the weights say which of them count. Overlaps and box targets are computed here as
well, because MMDetection's functions copy their constants to the device at each call. The numbers are equal
to the bit.
"""

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
    """Tell whether this module computes a head's targets: stock methods, assigner and boxes, no sampling."""
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
        second: (n, 4), or (n, 5) likewise.
        of_first: as a share of the area of the first box, not of the union of both.

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
    assigner: MaxIoUAssigner, anchors: Tensor, usable: Tensor, *, boxes: Tensor, ignored: Tensor | None = None
) -> Tensor:
    """Find each anchor's object, as ``MaxIoUAssigner.assign`` does with the usable anchors alone.

    Args:
        assigner: whose thresholds count.
        anchors: (n, 4), all levels joined.
        usable: (n,) bool, from :func:`usable_anchors`.
        boxes: (k, 4) of the objects, k may be 0.
        ignored: (m, 4) regions that are neither object nor background, or None.

    Returns:
        (n,) int64: i + 1 for an anchor of object i, 0 for background, -1 for neither.
    """
    if not len(boxes):
        return usable.long() - 1
    overlaps = pairwise_overlaps(boxes, anchors)
    # -1 is no overlap at all: such an anchor is not even background, and no object's best one.
    if assigner.ignore_iof_thr > 0 and ignored is not None and len(ignored):
        regions = _overlap_with_regions(assigner, anchors, ignored)
        overlaps = overlaps.masked_fill(regions > assigner.ignore_iof_thr, -1)
    overlaps = overlaps.masked_fill(~usable, -1)

    highest, nearest = overlaps.max(dim=0)
    low, high = _background_range(assigner)
    assigned = ((highest >= low) & (highest < high)).long() - 1  # 0 for background, else -1
    # The object's threshold goes last: it wins where the two ranges meet.
    assigned = torch.where(highest >= assigner.pos_iou_thr, nearest + 1, assigned)
    if assigner.match_low_quality:
        last = _last_to_want(assigner, overlaps)
        assigned = torch.where(last > 0, last, assigned)
    # Thresholds may be negative, so that -1 passes them.
    return assigned.masked_fill(~usable, -1)


def _last_to_want(assigner: MaxIoUAssigner, overlaps: Tensor) -> Tensor:
    """Number (n,) from 1 of the last object whose best anchor this is, 0 for none; overlaps are (k, n).

    An object trains its best anchors however low their overlap, or small objects would train none.
    """
    best, first = overlaps.max(dim=1, keepdim=True)
    if assigner.gt_max_assign_all:
        wanted = overlaps == best
    else:
        wanted = torch.zeros_like(overlaps, dtype=torch.bool).scatter_(1, first, True)
    # MMDetection's loop lets later objects take anchors from earlier ones: the highest number stays.
    numbers = torch.arange(1, len(overlaps) + 1, device=overlaps.device)[:, None]
    return (numbers * (wanted & (best >= assigner.min_pos_iou))).amax(dim=0)


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


def usable_anchors(head: AnchorHead, anchors: Tensor, valid: Tensor, img_meta: dict) -> Tensor:
    """Tell which anchors of an image can be assigned at all.

    Args:
        head: whose ``allowed_border`` counts.
        anchors: (n, 4), all levels joined.
        valid: (n,) bool, which of them lie on the padded image.
        img_meta: ``img_shape`` is read.

    Returns:
        (n,) bool.

    Raises:
        ValueError: no anchor is usable; looked at only where ``allowed_border`` rules anchors out.
    """
    border = head.train_cfg.allowed_border
    usable = anchor_inside_flags(anchors, valid, img_meta['img_shape'][:2], border)
    if border >= 0 and not usable.any():
        raise ValueError(
            f'an image of shape {img_meta["img_shape"]} has no valid anchor: set train_cfg.allowed_border=-1'
        )
    return usable


def image_targets(
    head: AnchorHead,
    anchors: Tensor,
    usable: Tensor,
    *,
    boxes: Tensor,
    labels: Tensor,
    ignored: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Targets of one image's anchors, as ``AnchorHead.get_targets`` gives them.

    Args:
        head: for which :func:`assigns_by_overlap` holds.
        anchors: (n, 4), all levels joined.
        usable: (n,) bool, from :func:`usable_anchors`.
        boxes: (k, 4) of the objects, k may be 0.
        labels: (k,) int64.
        ignored: see :func:`assign_by_overlap`.

    Returns:
        Labels (n,) int64, label weights (n,), box targets and box weights (n, 4), and the number of positive
        anchors, a 0-d int64 tensor.
    """
    assigned = assign_by_overlap(head.assigner, anchors, usable, boxes=boxes, ignored=ignored)
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
    *,
    gt_bboxes: Sequence[Tensor],
    gt_labels: Sequence[Tensor],
    gt_bboxes_ignore: Sequence[Tensor] | None = None,
) -> tuple[list[Tensor] | Tensor, ...]:
    """Targets of a batch, as ``AnchorHead.get_targets`` gives them.

    Args:
        head: for which :func:`assigns_by_overlap` holds.
        anchors: (n, 4) per image and level, from ``AnchorHead.get_anchors``.
        valid: (n,) bool per image and level, from the same.
        img_metas: meta data of each image.
        gt_bboxes: (k, 4) per image.
        gt_labels: (k,) int64 per image.
        gt_bboxes_ignore: (m, 4) per image, or None.

    Returns:
        Labels int64 and label weights (B, n), box targets and box weights (B, n, 4), each per level, and what
        losses are divided by: the number of positive anchors, at least 1 per image, a 0-d int64 tensor.
    """
    regions = gt_bboxes_ignore or [None] * len(gt_bboxes)
    found = []
    images = zip(anchors, valid, img_metas, gt_bboxes, gt_labels, regions, strict=True)
    for levels, flags, img_meta, boxes, labels, ignored in images:
        joined = torch.cat(levels)
        usable = usable_anchors(head, joined, torch.cat(flags), img_meta)
        found.append(image_targets(head, joined, usable, boxes=boxes, labels=labels, ignored=ignored))
    *targets, num_positive = zip(*found, strict=True)
    level_sizes = [len(level) for level in anchors[0]]
    by_level = [images_to_levels(list(values), level_sizes) for values in targets]
    return *by_level, torch.stack(num_positive).clamp(min=1).sum()
