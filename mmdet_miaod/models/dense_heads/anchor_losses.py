"""Detection losses of anchor-based MMDetection heads with two classifiers and one set of targets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from mmdet.core import AnchorGenerator, images_to_levels
from mmdet.models.dense_heads import AnchorHead
from torch import Tensor

from ..global_batch import global_count
from .branch_outputs import flatten_map
from .overlap_targets import assigns_by_overlap, overlap_targets


@dataclass(frozen=True)
class AnchorTargets:
    """Targets of the anchors of a batch; every list has one tensor per level.

    Attributes:
        anchors: (B, n, 4) in pixels of the network's input.
        labels: (B, n) int64 class indices, ``num_classes`` is background.
        label_weights: (B, n) float32.
        bbox_targets: (B, n, 4) encoded boxes.
        bbox_weights: (B, n, 4) float32, 0 for all but positive anchors.
        num_samples: number of anchors that losses are divided by; in losses 0-d float32, of the global batch.
    """

    anchors: list[Tensor]
    labels: list[Tensor]
    label_weights: list[Tensor]
    bbox_targets: list[Tensor]
    bbox_weights: list[Tensor]
    num_samples: Tensor | int


class AnchorLossMixin:
    """Targets and detection losses for a subclass of MMDetection's ``AnchorHead``.

    A head with other targets or losses (hard negative mining, centerness) overrides :meth:`assign_anchors` or
    one of the losses.
    """

    def label_anchors(
        self,
        feature_sizes: Sequence[tuple[int, int]],
        img_metas: Sequence[dict],
        gt_bboxes: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        gt_bboxes_ignore: Sequence[Tensor] | None = None,
    ) -> AnchorTargets:
        """Targets for the losses of a batch: :meth:`assign_anchors`, counting samples of all processes."""
        objects = (gt_bboxes, gt_labels, gt_bboxes_ignore)
        targets = self.assign_anchors(feature_sizes, img_metas, *objects)
        return replace(targets, num_samples=global_count(targets.num_samples, gt_bboxes[0].device))

    def assign_anchors(
        self,
        feature_sizes: Sequence[tuple[int, int]],
        img_metas: Sequence[dict],
        gt_bboxes: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        gt_bboxes_ignore: Sequence[Tensor] | None = None,
    ) -> AnchorTargets:
        """Assign boxes to the anchors of a batch by the stock head's rules, once for both classifiers.

        Where :func:`assigns_by_overlap` holds, this does not wait for a GPU; elsewhere the stock head's own
        methods do it.

        Args:
            feature_sizes: (height, width) of each level.
            img_metas: meta data of each image; ``img_shape`` and ``pad_shape`` are read.
            gt_bboxes: (k, 4) per image, k may be 0.
            gt_labels: (k,) int64 per image.
            gt_bboxes_ignore: (m, 4) per image, regions that are neither object nor background to assigners
                with ``ignore_iof_thr`` > 0; None: no such regions.

        Returns:
            Anchors, targets and weights (B, n, ...) per level; samples of this process's batch alone.

        Raises:
            ValueError: some image has no usable anchor, being smaller than ``allowed_border`` permits.
        """
        device = gt_bboxes[0].device
        if isinstance(self.prior_generator, AnchorGenerator):
            _keep_on_device(self.prior_generator, device)
        anchors, valid = self.get_anchors(feature_sizes, img_metas, device=device)
        find_targets = overlap_targets if assigns_by_overlap(self) else stock_targets
        objects = dict(gt_bboxes=gt_bboxes, gt_labels=gt_labels, gt_bboxes_ignore=gt_bboxes_ignore)
        *per_level, num_samples = find_targets(self, anchors, valid, img_metas, **objects)
        level_sizes = [len(level) for level in anchors[0]]
        joined = images_to_levels([torch.cat(image) for image in anchors], level_sizes)
        return AnchorTargets(joined, *per_level, num_samples=num_samples)

    def target_boxes(self, targets: AnchorTargets) -> list[Tensor]:
        """Box that each positive anchor should become, (B, n, 4) per level, in pixels; any for others."""
        if self.reg_decoded_bbox:
            return targets.bbox_targets
        levels = zip(targets.anchors, targets.bbox_targets, strict=True)
        return [
            self.bbox_coder.decode(anchors.flatten(0, 1), deltas.flatten(0, 1)).view_as(anchors)
            for anchors, deltas in levels
        ]

    def classification_loss(self, logits: Sequence[Tensor], targets: AnchorTargets) -> Tensor:
        """Loss of one classifier, summed over levels.

        Args:
            logits: (B, n, C) per level.
            targets: of the same batch.

        Returns:
            0-d tensor.
        """
        levels = zip(logits, targets.labels, targets.label_weights, strict=True)
        return sum(
            self.loss_cls(
                level.flatten(0, 1), labels.flatten(), weights.flatten(), avg_factor=targets.num_samples
            )
            for level, labels, weights in levels
        )

    def regression_loss(self, box_maps: Sequence[Tensor], targets: AnchorTargets) -> Tensor:
        """Loss of the boxes, summed over levels.

        Args:
            box_maps: outputs of branch f_r, (B, A * 4, H, W) per level.
            targets: of the same batch.

        Returns:
            0-d tensor.
        """
        total = 0
        levels = zip(box_maps, targets.anchors, targets.bbox_targets, targets.bbox_weights, strict=True)
        for box_map, anchors, bbox_targets, weights in levels:
            boxes = flatten_map(box_map, 4).flatten(0, 1)
            if self.reg_decoded_bbox:
                boxes = self.bbox_coder.decode(anchors.flatten(0, 1), boxes)
            total = total + self.loss_bbox(
                boxes, bbox_targets.flatten(0, 1), weights.flatten(0, 1), avg_factor=targets.num_samples
            )
        return total


def _keep_on_device(generator: AnchorGenerator, device: torch.device) -> None:
    """Move base anchors to the device: the generator would copy them for each batch, and wait for that."""
    generator.base_anchors = [level.to(device) for level in generator.base_anchors]


def stock_targets(
    head: AnchorHead,
    anchors: Sequence[Sequence[Tensor]],
    valid: Sequence[Sequence[Tensor]],
    img_metas: Sequence[dict],
    *,
    gt_bboxes: Sequence[Tensor],
    gt_labels: Sequence[Tensor],
    gt_bboxes_ignore: Sequence[Tensor] | None = None,
) -> tuple[list[Tensor] | int, ...]:
    """Targets of a batch by the stock head's methods, (B, n, ...) per level; see :func:`overlap_targets`."""
    targets = head.get_targets(
        anchors,
        valid,
        gt_bboxes,
        img_metas,
        gt_bboxes_ignore_list=gt_bboxes_ignore,
        gt_labels_list=gt_labels,
        label_channels=head.cls_out_channels if head.use_sigmoid_cls else 1,
    )
    if targets is None:
        shapes = [meta['img_shape'] for meta in img_metas]
        raise ValueError(
            f'an image of the shapes {shapes} has no valid anchor: set train_cfg.allowed_border=-1'
        )
    *per_level, num_positive, num_negative = targets
    return *per_level, num_positive + num_negative if head.sampling else num_positive
