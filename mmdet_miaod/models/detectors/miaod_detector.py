"""Single-stage detectors for MI-AOD, whose losses are chosen by name."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmdet.models.builder import DETECTORS
from mmdet.models.detectors import RetinaNet, SingleStageDetector
from torch import Tensor


class MIAODDetectorMixin:
    """Turns a stock single-stage detector with an MI-AOD head into an MI-AOD detector.

    Use as ``class MyDetector(MIAODDetectorMixin, StockDetector)``.
    """

    def extract_feat(self, img: Tensor) -> Sequence[Tensor]:
        """Features of images.

        No graph is kept when a stage trains neither backbone nor neck, as the maximize-uncertainty stage
        does: that saves its memory and time.

        Args:
            img: (B, 3, H, W) float32.

        Returns:
            (B, channels, H, W) per level.
        """
        modules = [self.backbone, self.neck] if self.with_neck else [self.backbone]
        trains = any(parameter.requires_grad for module in modules for parameter in module.parameters())
        with torch.set_grad_enabled(trains and torch.is_grad_enabled()):
            return super().extract_feat(img)

    def forward_train(
        self,
        img: Tensor,
        img_metas: Sequence[dict],
        loss_terms: Sequence[str],
        gt_bboxes: Sequence[Tensor] | None = None,
        gt_labels: Sequence[Tensor] | None = None,
        gt_bboxes_ignore: Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Loss terms of a batch; see :meth:`MIAODHeadMixin.forward_train`.

        Args:
            img: (B, 3, H, W) float32.
            img_metas: meta data of each image.
            loss_terms: names of the terms.
            gt_bboxes: (k, 4) per image; None for an unlabeled batch.
            gt_labels: (k,) int64 per image; None for an unlabeled batch.
            gt_bboxes_ignore: (m, 4) per image, where the pipeline collects them.

        Returns:
            0-d float32 tensors by name.
        """
        return self.bbox_head.forward_train(
            self.extract_feat(img),
            img_metas,
            loss_terms,
            gt_bboxes=gt_bboxes,
            gt_labels=gt_labels,
            gt_bboxes_ignore=gt_bboxes_ignore,
        )

    def train_step(self, data: dict, optimizer: object = None, *, loss_terms: Sequence[str]) -> dict:
        """Compute the loss of a batch; nothing here waits for the device or for other processes' losses.

        Args:
            data: ``img`` and ``img_metas``, and ``gt_bboxes`` and ``gt_labels`` of a labeled batch.
            optimizer: not used; runners pass it.
            loss_terms: names of the terms that are summed.

        Returns:
            ``loss`` (0-d tensor), ``log_vars`` (detached 0-d tensors: every term and ``loss``; their mean
            over processes is the value of the joined batch) and ``num_samples`` (int).
        """
        losses = self(**data, loss_terms=loss_terms)
        loss = sum(losses.values())
        if torch.is_grad_enabled() and not loss.requires_grad:
            # Terms may be plain zeros (no pseudo-labels), but the step still has momentum and weight decay.
            loss = loss + 0 * next(p for p in self.parameters() if p.requires_grad).sum()
        log_vars = {name: value.detach() for name, value in losses.items()}
        return dict(
            loss=loss, log_vars=dict(log_vars, loss=loss.detach()), num_samples=len(data['img_metas'])
        )

    def val_step(self, data: dict, optimizer: object = None, *, loss_terms: Sequence[str]) -> dict:
        """The same as :meth:`train_step`, without a graph."""
        with torch.no_grad():
            return self.train_step(data, optimizer, loss_terms=loss_terms)

    def forward_test(
        self, imgs: Tensor | Sequence[Tensor], img_metas: Sequence, **kwargs: Any
    ) -> list[list[np.ndarray]]:
        """MMDetection's test results, of a plain batch or of MMDetection's lists of test-time augmentations.

        Args:
            imgs: (B, 3, H, W), or a list of such tensors, one per augmentation.
            img_metas: meta data of each image, or a list of such lists.

        Returns:
            For each image a list of (n, 5) float32 arrays, one per class.
        """
        if isinstance(imgs, Tensor):
            imgs, img_metas = [imgs], [img_metas]
        return super().forward_test(imgs, img_metas, **kwargs)


@DETECTORS.register_module()
class MIAODRetinaNet(MIAODDetectorMixin, RetinaNet):
    """RetinaNet whose ``bbox_head`` is an ``MIAODRetinaHead``; the arguments are ``RetinaNet``'s."""


@DETECTORS.register_module()
class MIAODSingleStageDetector(MIAODDetectorMixin, SingleStageDetector):
    """Backbone, neck and any head that is an ``MIAODHeadMixin``: SSD, ATSS and heads of your own."""
