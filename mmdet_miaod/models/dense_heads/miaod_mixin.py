"""Everything of MI-AOD that does not depend on the kind of dense head (sections 3.2 to 3.4 of the paper)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from mmdet.models.builder import build_loss
from torch import Tensor

from mmdet_miaod.active.uncertainty import image_uncertainty, instance_discrepancy, instance_uncertainty
from mmdet_miaod.models.dense_heads.anchor_losses import AnchorLossMixin
from mmdet_miaod.models.dense_heads.branch_outputs import (
    BranchMaps,
    BranchOutputs,
    flatten_map,
    full_precision,
    join_levels,
    softmax_probability,
)
from mmdet_miaod.models.dense_heads.detections import class_wise_nms, keep_best_anchors
from mmdet_miaod.models.dense_heads.loss_terms import HeadBatch, branches_of, select_terms
from mmdet_miaod.models.global_batch import world_size
from mmdet_miaod.models.losses.mil import MIL_ACTIVATIONS, image_labels, pseudo_labels


class MIAODHeadMixin(AnchorLossMixin):
    """Turns a stock anchor-based head into an MI-AOD head: ``class MyHead(MIAODHeadMixin, StockHead)``.

    The subclass builds the layers of the branches f_1, f_2 (instance classifiers), f_r (boxes) and f_mil
    (multiple instance learning), and implements :meth:`forward_branch`.

    Args:
        loss_mil: config of the image classification loss.
        loss_dis: config of the discrepancy loss; its ``loss_weight`` is the paper's lambda.
        mil_activation: 'softmax' (over classes) or 'sigmoid', how the multiple instance branch's outputs
            become class shares. Default: 'softmax', but 'sigmoid' for a single class, whose softmax is 1
            and teaches nothing.
        kwargs: arguments of the stock head.

    Raises:
        ValueError: unknown ``mil_activation``.
    """

    def __init__(
        self,
        *args,
        loss_mil: dict | None = None,
        loss_dis: dict | None = None,
        mil_activation: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.loss_mil = build_loss(loss_mil or dict(type='MILLoss'))
        self.loss_dis = build_loss(loss_dis or dict(type='DiscrepancyLoss', loss_weight=0.5))
        self.mil_activation = self._choose_mil_activation(mil_activation)

    def _choose_mil_activation(self, name: str | None) -> str:
        if name is None and self.cls_out_channels > 1:
            return 'softmax'
        if name is None:
            logging.getLogger('mmdet').info(
                "One class: mil_activation='sigmoid' (a softmax over one class is 1 and teaches nothing)"
            )
            return 'sigmoid'
        if name not in MIL_ACTIVATIONS:
            raise ValueError(
                f'mil_activation={name!r}: use one of {sorted(MIL_ACTIVATIONS)}, or None for the default'
            )
        return name

    def forward_branch(self, feats: Sequence[Tensor], branch: str) -> list[Tensor]:
        """Compute one branch.

        Args:
            feats: (B, channels, H, W) a level.
            branch: 'f_1', 'f_2', 'f_r' or 'f_mil'.

        Returns:
            (B, A * C, H, W) a level of logits, (B, A * 4, H, W) of box deltas for f_r.
        """
        raise NotImplementedError(f'{type(self).__name__} must implement forward_branch')

    def forward_branches(self, feats: Sequence[Tensor], branches: Sequence[str]) -> BranchMaps:
        """Compute the named branches and no other; see :meth:`forward_branch`."""
        return {branch: self.forward_branch(feats, branch) for branch in branches}

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Outputs of the detector that is evaluated: classifier 1 and boxes, a tensor a level each."""
        maps = self.forward_branches(feats, ('f_1', 'f_r'))
        return maps['f_1'], maps['f_r']

    @property
    def class_probability(self) -> Callable[[Tensor], Tensor]:
        """Turns logits into probabilities (..., C); (..., C + 1), background last, for softmax heads."""
        return torch.sigmoid if self.use_sigmoid_cls else softmax_probability

    def _outputs(self, maps: BranchMaps) -> BranchOutputs:
        return BranchOutputs(maps, self.cls_out_channels, self.class_probability, self.mil_activation)

    # ---------------------------------------------------------------- training

    def forward_train(
        self,
        feats: Sequence[Tensor],
        img_metas: Sequence[dict],
        loss_terms: Sequence[str],
        gt_bboxes: Sequence[Tensor] | None = None,
        gt_labels: Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Compute loss terms of a batch, and only the branches that they need.

        Args:
            feats: (B, channels, H, W) a level.
            img_metas: meta data of each image.
            loss_terms: names from ``LOSS_TERMS``.
            gt_bboxes: (n, 4) an image, n may be 0; None for an unlabeled batch.
            gt_labels: (n,) int64 an image; None for an unlabeled batch.

        Returns:
            0-d float32 tensors by name, in the order asked for. With several processes their mean over
            processes is the loss of the joined batch, and the mean of their gradients its gradient.

        Raises:
            ValueError: no or unknown terms, or a term that needs labels on a batch without.
        """
        terms = select_terms(loss_terms, has_labels=gt_bboxes is not None and gt_labels is not None)
        trained, read = branches_of(terms.values())
        maps = self.forward_branches(feats, trained)
        with torch.no_grad():
            maps.update(self.forward_branches(feats, read))
        sizes = [tuple(level.shape[-2:]) for level in feats]
        with full_precision(feats[0].device):
            batch = HeadBatch(self, self._outputs(maps), sizes, img_metas, gt_bboxes, gt_labels)
            return {name: world_size() * getattr(self, term.method)(batch) for name, term in terms.items()}

    def _classifier_loss(self, batch: HeadBatch) -> Tensor:
        loss_1 = self.classification_loss(batch.outputs.logits_1, batch.targets)
        return (loss_1 + self.classification_loss(batch.outputs.logits_2, batch.targets)) / 2

    def _box_loss(self, batch: HeadBatch) -> Tensor:
        return self.regression_loss(batch.outputs.maps['f_r'], batch.targets)

    def _image_loss(self, batch: HeadBatch) -> Tensor:
        labels = image_labels(batch.gt_labels, self.cls_out_channels)
        return self.loss_mil(batch.outputs.image_scores, labels)

    def _pseudo_image_loss(self, batch: HeadBatch) -> Tensor:
        # Sigmoid for softmax heads too: that is how the published code makes their pseudo-labels.
        labels = pseudo_labels(batch.outputs.sigmoids_1, batch.outputs.sigmoids_2)
        return self.loss_mil.pseudo(batch.outputs.image_scores, labels)

    def _discrepancy_loss(self, batch: HeadBatch) -> Tensor:
        outputs = batch.outputs
        return self.loss_dis(
            outputs.probabilities_1, outputs.probabilities_2, outputs.mil_weights, 'minimize'
        )

    def _agreement_loss(self, batch: HeadBatch) -> Tensor:
        outputs = batch.outputs
        return self.loss_dis(
            outputs.probabilities_1, outputs.probabilities_2, outputs.mil_weights, 'maximize'
        )

    # ---------------------------------------------------------------- inference

    @torch.no_grad()
    def uncertainty(self, feats: Sequence[Tensor], k: int) -> Tensor:
        """Uncertainty of each image, from the two classifiers alone.

        Args:
            feats: (B, channels, H, W) a level.
            k: the number of most uncertain anchors that are averaged; all where there are fewer.

        Returns:
            (B,) float32.
        """
        maps = self.forward_branches(feats, ('f_1', 'f_2'))
        with full_precision(feats[0].device):
            outputs = self._outputs(maps)
            # Sigmoid for softmax heads too, as in the published code.
            levels = zip(outputs.sigmoids_1, outputs.sigmoids_2, strict=True)
            return image_uncertainty(join_levels([instance_uncertainty(a, b) for a, b in levels]), k)

    @torch.no_grad()
    def instance_maps(self, feats: Sequence[Tensor]) -> dict[str, list[Tensor]]:
        """What heat maps show, (B, n, C) a level each.

        Returns:
            'discrepancy' ``|p1 - p2|``, 'weight' w, and 'sigmoid_1' and 'sigmoid_2', from whose difference
            the image's uncertainty is made.
        """
        maps = self.forward_branches(feats, ('f_1', 'f_2', 'f_mil'))
        with full_precision(feats[0].device):
            outputs = self._outputs(maps)
            levels = zip(outputs.probabilities_1, outputs.probabilities_2, strict=True)
            return dict(
                discrepancy=[instance_discrepancy(a, b) for a, b in levels],
                weight=outputs.mil_weights,
                sigmoid_1=outputs.sigmoids_1,
                sigmoid_2=outputs.sigmoids_2,
            )

    @torch.no_grad()
    def predict(
        self, feats: Sequence[Tensor], img_metas: Sequence[dict], rescale: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """Detections of classifier 1 under ``test_cfg``.

        Args:
            feats: (B, channels, H, W) a level.
            img_metas: meta data of each image.
            rescale: give boxes in pixels of the original image.

        Returns:
            For each image detections (n, 5), best first, and class indices (n,).

        Raises:
            ValueError: ``test_cfg.nms`` asks for another suppression than plain NMS.
        """
        nms = dict(self.test_cfg['nms'])
        if nms.get('type', 'nms') != 'nms':
            raise ValueError(f"test_cfg.nms.type={nms['type']!r} is not supported: use 'nms'")
        maps = self.forward_branches(feats, ('f_1', 'f_r'))
        with full_precision(feats[0].device):
            scores, deltas, anchors = self.detection_candidates(maps)
            results = []
            for image, meta in enumerate(img_metas):
                boxes = self.bbox_coder.decode(anchors[image], deltas[image], max_shape=meta['img_shape'])
                if rescale:
                    boxes = boxes / boxes.new_tensor(meta['scale_factor'])
                limits = self.test_cfg['score_thr'], nms['iou_threshold'], self.test_cfg['max_per_img']
                results.append(class_wise_nms(boxes, scores[image], *limits))
            return results

    def scores_and_deltas(self, logits: Tensor, box_map: Tensor) -> tuple[Tensor, Tensor]:
        """Foreground scores and box deltas (B, n, 4) of one level, of logits and output of f_r."""
        return self.class_probability(logits)[..., : self.num_classes], flatten_map(box_map, 4)

    def detection_candidates(self, maps: BranchMaps) -> tuple[Tensor, Tensor, Tensor]:
        """Scores (B, m, C), deltas (B, m, 4) and anchors (B, m, 4) that stay of all levels."""
        sizes = [tuple(level.shape[-2:]) for level in maps['f_1']]
        anchors = self.prior_generator.grid_priors(sizes, device=maps['f_1'][0].device)
        limit = self.test_cfg.get('nms_pre', -1)
        kept = [
            keep_best_anchors(*self.scores_and_deltas(logits, box_map), priors, limit)
            for logits, box_map, priors in zip(
                self._outputs(maps).logits_1, maps['f_r'], anchors, strict=True
            )
        ]
        return tuple(join_levels(parts) for parts in zip(*kept, strict=True))

    def simple_test(
        self, feats: Sequence[Tensor], img_metas: Sequence[dict], rescale: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """MMDetection's name of :meth:`predict`."""
        return self.predict(feats, img_metas, rescale)
