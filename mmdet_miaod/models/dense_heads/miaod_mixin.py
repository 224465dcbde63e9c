"""Everything of MI-AOD that does not depend on the kind of dense head (sections 3.2 to 3.4 of the paper)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from mmdet.models.builder import build_loss
from torch import Tensor

from ..global_batch import world_size
from ..losses.mil import MIL_ACTIVATIONS, image_labels, pseudo_labels
from .anchor_losses import AnchorLossMixin
from .branch_outputs import BranchMaps, BranchOutputs, full_precision, softmax_probability
from .inference_mixin import InferenceMixin
from .loss_terms import HeadBatch, branches_of, select_terms


class MIAODHeadMixin(InferenceMixin, AnchorLossMixin):
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

    def forward_train(
        self,
        feats: Sequence[Tensor],
        img_metas: Sequence[dict],
        loss_terms: Sequence[str],
        gt_bboxes: Sequence[Tensor] | None = None,
        gt_labels: Sequence[Tensor] | None = None,
        gt_bboxes_ignore: Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Compute loss terms of a batch, and only the branches that they need.

        Args:
            feats: (B, channels, H, W) a level.
            img_metas: meta data of each image.
            loss_terms: names from ``LOSS_TERMS``.
            gt_bboxes: (n, 4) an image, n may be 0; None for an unlabeled batch.
            gt_labels: (n,) int64 an image; None for an unlabeled batch.
            gt_bboxes_ignore: see :meth:`AnchorLossMixin.label_anchors`.

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
            boxes = gt_bboxes, gt_labels, gt_bboxes_ignore
            batch = HeadBatch(self, self._outputs(maps), sizes, img_metas, *boxes)
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
