"""Quality of classes: how well a trained model finds the objects of each class in labeled images."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from mmdet.core.bbox.iou_calculators import bbox_overlaps
from torch import Tensor, nn

from ..models.dense_heads.branch_outputs import flatten_map, full_precision, join_levels

_PROBABILITY_SHARE = 0.6
_MOMENTUM = 0.99


@torch.no_grad()
def anchor_quality(
    model: nn.Module,
    feats: Sequence[Tensor],
    img_metas: Sequence[dict],
    annotations: Sequence[Mapping[str, np.ndarray]],
) -> Tensor:
    """Sum over the positive anchors of each class of ``p^0.6 IoU^0.4``, and how many they are.

    ``p`` is the probability of the anchor's class by classifier 1, IoU the overlap of the decoded box with
    the object (PPAL, Yang et al., CVPR 2024, arXiv:2211.11612).

    Args:
        model: with an MI-AOD head.
        feats: ``(B, channels, H, W)`` per level, of images without augmentation.
        img_metas: meta data per image; ``img_shape``, ``pad_shape`` and ``scale_factor`` are read.
        annotations: boxes of each image in pixels of the file, as ``LabeledDataset.get_ann_info`` gives them.

    Returns:
        ``(B, 2, C)`` float32: sums and numbers of anchors.
    """
    head, device = model.bbox_head, feats[0].device
    images = list(zip(annotations, img_metas, strict=True))
    objects = [_resized(known['bboxes'], meta, device) for known, meta in images]
    ignored = [_resized(known['bboxes_ignore'], meta, device) for known, meta in images]
    labels = [torch.from_numpy(known['labels']).to(device) for known in annotations]
    maps = head.forward_branches(feats, ('f_1', 'f_r'))
    with full_precision(device):
        sizes = [tuple(level.shape[-2:]) for level in maps['f_1']]
        targets = head.assign_anchors(sizes, img_metas, objects, labels, ignored)
        levels = targets.labels, targets.anchors, head.target_boxes(targets)
        wanted, anchors, boxes = map(join_levels, levels)
        logits = join_levels([flatten_map(level, head.cls_out_channels) for level in maps['f_1']])
        deltas = join_levels([head.deltas_and_quality(level)[0] for level in maps['f_r']])
        positive = (wanted >= 0) & (wanted < head.num_classes)
        classes = wanted[positive]
        probabilities = head.class_probability(logits[positive]).gather(1, classes[:, None])[:, 0]
        decoded = head.bbox_coder.decode(anchors[positive], deltas[positive])
        overlaps = bbox_overlaps(decoded, boxes[positive], is_aligned=True)
        quality = probabilities**_PROBABILITY_SHARE * overlaps ** (1 - _PROBABILITY_SHARE)
        return _sum_by_class(quality, classes, positive.nonzero()[:, 0], (len(wanted), head.num_classes))


def _sum_by_class(quality: Tensor, classes: Tensor, images: Tensor, shape: tuple[int, int]) -> Tensor:
    """Sums and numbers ``(B, 2, C)`` of values ``(m,)`` of classes ``(m,)`` in images ``(m,)``."""
    found = quality.new_zeros(2, shape[0] * shape[1])
    found.index_add_(1, images * shape[1] + classes, torch.stack([quality, torch.ones_like(quality)]))
    return found.view(2, *shape).transpose(0, 1)


def _resized(boxes: np.ndarray, meta: Mapping, device: torch.device) -> Tensor:
    """Boxes ``(n, 4)`` of an image file in pixels of the network's input."""
    height, width = meta['img_shape'][:2]
    scaled = torch.from_numpy(boxes) * torch.as_tensor(meta['scale_factor'])
    return scaled.clamp(min=0).minimum(torch.tensor([width, height] * 2)).float().to(device)


def mean_quality(found: np.ndarray) -> np.ndarray:
    """Mean over all positive anchors of each class.

    Args:
        found: ``(m, 2, C)`` of the labeled images, from :func:`anchor_quality`.

    Returns:
        ``(C,)`` float64; NaN for a class without positive anchors.
    """
    sums, numbers = found.sum(axis=0, dtype=np.float64)
    return np.divide(sums, numbers, out=np.full(len(sums), np.nan), where=numbers > 0)


def running_quality(found: np.ndarray) -> np.ndarray:
    """Exponential running mean over images, as PPAL's published code has it over training batches.

    It begins with 0 and a momentum of 0.99. A class that an image does not show counts there with a quality
    of 0, and its momentum is multiplied by 0.99 until it is shown again; in the paper its mean stays.

    Args:
        found: ``(m, 2, C)`` of the labeled images, from :func:`anchor_quality`.

    Returns:
        ``(C,)`` float64.
    """
    quality = np.zeros(found.shape[2])
    momentum = np.full(found.shape[2], _MOMENTUM)
    for sums, numbers in found.astype(np.float64):
        mean = sums / np.maximum(numbers, 1)
        quality = momentum * quality + (1 - momentum) * mean
        momentum = np.where(mean > 0, _MOMENTUM, momentum * _MOMENTUM)
    return quality


QUALITY_RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'mean': mean_quality,
    'running': running_quality,
}


def fill_unknown(quality: np.ndarray) -> np.ndarray:
    """Quality ``(C,)`` with the mean of the known classes in place of NaN; 0 where none is known."""
    known = quality[~np.isnan(quality)]
    return np.where(np.isnan(quality), known.mean() if len(known) else 0.0, quality)
