"""The parts of MI-AOD that do not depend on the kind of dense head (sections 3.2 to 3.4 of the paper)."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import torch
from mmdet.models.builder import build_loss
from torch import Tensor

from ..global_batch import world_size
from ..losses.mil import MIL_ACTIVATIONS
from .anchor_losses import AnchorLossMixin
from .branch_outputs import BranchMaps, BranchOutputs, full_precision, softmax_probability
from .inference_mixin import InferenceMixin
from .loss_terms import HeadBatch, LossTerm, branches_of, select_terms


def normal_init_cfg(output: str) -> dict:
    """Config of RetinaNet's initial weights (section 4.1 of its paper).

    All convolutions are normal with std 0.01, and the biases of the class outputs give every anchor a
    foreground probability of 0.01.

    Args:
        output: name of the output layers, ``f_1_{output}`` for the first classifier.
    """
    classifiers = [
        dict(type='Normal', name=f'{branch}_{output}', std=0.01, bias_prob=0.01)
        for branch in ('f_1', 'f_2', 'f_mil')
    ]
    return dict(type='Normal', layer='Conv2d', std=0.01, override=classifiers)


class MIAODHeadMixin(InferenceMixin, AnchorLossMixin):
    """Turns a stock anchor-based head into an MI-AOD head: ``class MyHead(MIAODHeadMixin, StockHead)``.

    The subclass builds the layers of the branches f_1, f_2 (instance classifiers), f_r (boxes) and f_mil
    (multiple instance learning), and implements :meth:`forward_branch`.

    Args:
        loss_mil: config of the image classification loss.
        loss_dis: config of the discrepancy loss; its ``loss_weight`` is the paper's lambda.
        mil_activation: 'softmax' (over classes) or 'sigmoid', the function that turns outputs of the
            multiple instance branch into class shares. Default: 'softmax', but 'sigmoid' for a single class,
            whose softmax is always 1 and teaches nothing.
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
            feats: (B, channels, H, W) per level.
            branch: 'f_1', 'f_2', 'f_r' or 'f_mil'.

        Returns:
            Per level (B, A * C, H, W) logits, or (B, A * 4, H, W) box deltas of f_r.
        """
        raise NotImplementedError(f'{type(self).__name__} must implement forward_branch')

    def forward_branches(self, feats: Sequence[Tensor], branches: Sequence[str]) -> BranchMaps:
        """Compute the named branches alone; maps by branch, see :meth:`forward_branch`."""
        return {branch: self.forward_branch(feats, branch) for branch in branches}

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Outputs that detections are made of: maps of f_1 and of f_r, see :meth:`forward_branch`."""
        maps = self.forward_branches(feats, ('f_1', 'f_r'))
        return maps['f_1'], maps['f_r']

    @property
    def class_probability(self) -> Callable[[Tensor], Tensor]:
        """Function that turns logits into probabilities (..., C); softmax heads add the background, last."""
        return torch.sigmoid if self.use_sigmoid_cls else softmax_probability

    def _outputs(self, maps: BranchMaps) -> BranchOutputs:
        return BranchOutputs(maps, self.cls_out_channels, self.class_probability, self.mil_activation)

    def _outputs_for(self, feats: Sequence[Tensor], terms: Iterable[LossTerm]) -> BranchOutputs:
        """Outputs of the branches that loss terms train, and without a graph of those that they only read."""
        trained, read = branches_of(terms)
        maps = self.forward_branches(feats, trained)
        with torch.no_grad():
            maps.update(self.forward_branches(feats, read))
        return self._outputs(maps)

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
            feats: (B, channels, H, W) per level.
            img_metas: meta data of each image.
            loss_terms: names from ``LOSS_TERMS``.
            gt_bboxes: (k, 4) per image, k may be 0; None for an unlabeled batch.
            gt_labels: (k,) int64 per image; None for an unlabeled batch.
            gt_bboxes_ignore: see :meth:`AnchorLossMixin.label_anchors`.

        Returns:
            0-d float32 tensors by name, in the order of ``loss_terms``. The mean over processes is the loss
            of their joined batch, and the mean of the gradients its gradient.

        Raises:
            ValueError: no or unknown terms, or a term that needs labels on a batch without.
        """
        terms = select_terms(loss_terms, has_labels=gt_bboxes is not None and gt_labels is not None)
        outputs = self._outputs_for(feats, terms.values())
        with full_precision(feats[0].device):
            batch = HeadBatch(
                head=self,
                outputs=outputs,
                feature_sizes=[tuple(level.shape[-2:]) for level in feats],
                img_metas=img_metas,
                gt_bboxes=gt_bboxes,
                gt_labels=gt_labels,
                gt_bboxes_ignore=gt_bboxes_ignore,
            )
            return {name: world_size() * term.function(batch) for name, term in terms.items()}

    @torch.no_grad()
    def label_losses(
        self,
        feats: Sequence[Tensor],
        img_metas: Sequence[dict],
        gt_bboxes: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        gt_bboxes_ignore: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Compute the two parts of an image's classification loss that tell of its labels.

        The anchors without a box have a large loss where the model sees objects that are not labeled; it is
        divided by the boxes plus one. The anchors with a box have a large loss where the model sees another
        class in a box, or nothing; it is divided by their number. In the training loss, their sum over the
        anchors with a box, hard objects hide the objects without a box.

        Args:
            feats: (1, channels, H, W) per level.
            img_metas: meta data of the image.
            gt_bboxes: (k, 4), k may be 0.
            gt_labels: (k,) int64.
            gt_bboxes_ignore: see :meth:`AnchorLossMixin.label_anchors`.

        Returns:
            (2,) float32: the loss without a box and that in boxes, means of both classifiers.
        """
        outputs = self._outputs(self.forward_branches(feats, ('f_1', 'f_2')))
        with full_precision(feats[0].device):
            sizes = [tuple(level.shape[-2:]) for level in feats]
            targets = self.assign_anchors(sizes, img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore)
            has_box = [labels != self.num_classes for labels in targets.labels]
            parts = ((False, 1 + len(gt_labels[0])), (True, sum(map(torch.sum, has_box)).clamp(min=1)))
            losses = []
            for wanted, count in parts:
                levels = zip(targets.label_weights, has_box, strict=True)
                weights = [weights * (boxed == wanted) for weights, boxed in levels]
                part = replace(targets, label_weights=weights, num_samples=count)
                both = [self.classification_loss(z, part) for z in (outputs.logits_1, outputs.logits_2)]
                losses.append(sum(both) / 2)
            return torch.stack(losses)
