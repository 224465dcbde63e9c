"""Detection losses of anchor-based MMDetection heads with two classifiers and one set of targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmdet.core import AnchorGenerator, images_to_levels
from torch import Tensor

from ..global_batch import global_count
from .branch_outputs import flatten_map
from .overlap_targets import assigns_by_overlap, overlap_targets


@dataclass(frozen=True)
class AnchorTargets:
    """What the anchors of a batch should become; every list has one tensor a level.

    Attributes:
        anchors: (B, n, 4) in pixels of the network's input.
        labels: (B, n) int64 class indices, ``num_classes`` is background.
        label_weights: (B, n) float32.
        bbox_targets: (B, n, 4) encoded boxes.
        bbox_weights: (B, n, 4) float32, 0 for all but positive anchors.
        num_samples: 0-d float32, what losses are divided by, of the global batch.
    """

    anchors: list[Tensor]
    labels: list[Tensor]
    label_weights: list[Tensor]
    bbox_targets: list[Tensor]
    bbox_weights: list[Tensor]
    num_samples: Tensor


class AnchorLossMixin:
    """Targets and detection losses for a subclass of MMDetection's ``AnchorHead``.

    A head with other targets or losses (hard negative mining, centerness) overrides one of the three methods.
    """

    def label_anchors(
        self,
        feature_sizes: Sequence[tuple[int, int]],
        img_metas: Sequence[dict],
        gt_bboxes: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        gt_bboxes_ignore: Sequence[Tensor] | None = None,
    ) -> AnchorTargets:
        """Assign boxes to the anchors of a batch by the stock head's rules, once for both classifiers.

        Where :func:`assigns_by_overlap` holds this does not wait for a GPU; elsewhere the stock head's own
        methods do it.

        Args:
            feature_sizes: (height, width) of each level.
            img_metas: meta data of each image; ``img_shape`` and ``pad_shape`` are read.
            gt_bboxes: (n, 4) an image, n may be 0.
            gt_labels: (n,) int64 an image.
            gt_bboxes_ignore: (n, 4) an image, regions that are neither object nor background to assigners
                with ``ignore_iof_thr`` > 0; None: no such regions.

        Raises:
            ValueError: some image has no usable anchor (its shape is smaller than ``allowed_border``
                permits).
        """
        device = gt_bboxes[0].device
        generator = self.prior_generator
        if isinstance(generator, AnchorGenerator):
            # It would copy them for each batch, and wait for that.
            generator.base_anchors = [level.to(device) for level in generator.base_anchors]
        anchors, valid = self.get_anchors(feature_sizes, img_metas, device=device)
        images = img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore
        if assigns_by_overlap(self):
            *per_level, num_samples = overlap_targets(self, anchors, valid, *images)
        else:
            *per_level, num_samples = self._stock_targets(anchors, valid, *images)
        level_sizes = [len(level) for level in anchors[0]]
        joined = images_to_levels([torch.cat(image) for image in anchors], level_sizes)
        return AnchorTargets(joined, *per_level, num_samples=global_count(num_samples, device))

    def _stock_targets(
        self,
        anchors: Sequence[Sequence[Tensor]],
        valid: Sequence[Sequence[Tensor]],
        img_metas: Sequence[dict],
        gt_bboxes: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        gt_bboxes_ignore: Sequence[Tensor] | None,
    ) -> tuple[list[Tensor] | int, ...]:
        targets = self.get_targets(
            anchors,
            valid,
            gt_bboxes,
            img_metas,
            gt_bboxes_ignore_list=gt_bboxes_ignore,
            gt_labels_list=gt_labels,
            label_channels=self.cls_out_channels if self.use_sigmoid_cls else 1,
        )
        if targets is None:
            shapes = [meta['img_shape'] for meta in img_metas]
            raise ValueError(
                f'an image of the shapes {shapes} has no valid anchor: set train_cfg.allowed_border=-1'
            )
        *per_level, num_positive, num_negative = targets
        return *per_level, num_positive + num_negative if self.sampling else num_positive

    def classification_loss(self, logits: Sequence[Tensor], targets: AnchorTargets) -> Tensor:
        """Loss of one classifier, summed over levels.

        Args:
            logits: (B, n, C) a level.
            targets: of the same batch.
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
            box_maps: outputs of branch f_r, (B, A * 4, H, W) a level.
            targets: of the same batch.
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
