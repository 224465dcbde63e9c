"""The table of loss terms: the functions that training stages name (sections 3.2 and 3.3 of the paper).

A term of one's own is a function and a row in the table, from any module that ``custom_imports`` names::

    LOSS_TERMS['loss_mine'] = LossTerm(my_function, trains=('f_1', 'f_2'))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from ..losses.mil import image_labels, pseudo_labels
from .anchor_losses import AnchorTargets
from .branch_outputs import BranchOutputs

if TYPE_CHECKING:
    from .miaod_mixin import MIAODHeadMixin

BRANCHES = ('f_1', 'f_2', 'f_r', 'f_mil')


@dataclass(kw_only=True)
class HeadBatch:
    """Arguments of loss terms: the branches' outputs and, of a labeled batch, boxes and labels.

    Attributes:
        head: whose targets and losses are used.
        outputs: of the branches that the batch's terms need.
        feature_sizes: (height, width) of each level.
        img_metas: meta data of each image.
        gt_bboxes: (k, 4) per image; None for an unlabeled batch.
        gt_labels: (k,) int64 per image; None for an unlabeled batch.
        gt_bboxes_ignore: see :meth:`AnchorLossMixin.label_anchors`.
    """

    head: MIAODHeadMixin
    outputs: BranchOutputs
    feature_sizes: list[tuple[int, int]]
    img_metas: Sequence[dict]
    gt_bboxes: Sequence[Tensor] | None = None
    gt_labels: Sequence[Tensor] | None = None
    gt_bboxes_ignore: Sequence[Tensor] | None = None

    @cached_property
    def targets(self) -> AnchorTargets:
        """Anchor targets of a labeled batch, assigned once for all terms."""
        return self.head.label_anchors(
            self.feature_sizes,
            self.img_metas,
            gt_bboxes=self.gt_bboxes,
            gt_labels=self.gt_labels,
            gt_bboxes_ignore=self.gt_bboxes_ignore,
        )


@dataclass(frozen=True)
class LossTerm:
    """One loss term of an MI-AOD head.

    Attributes:
        function: computes the term of a batch, a 0-d tensor. A sum over anchors or images is right for any
            number of processes; what it is divided by has to be a count of all processes
            (:func:`~mmdet_miaod.models.global_batch.global_count`).
        trains: branches that it sends gradient through, and through them to neck and backbone.
        reads: branches whose values it needs, without gradient.
        needs_labels: whether it needs boxes and labels, so that unlabeled batches cannot have it.

    Raises:
        ValueError: no branch is trained, or ``trains`` or ``reads`` names something else than branches.
    """

    function: Callable[[HeadBatch], Tensor]
    trains: tuple[str, ...]
    reads: tuple[str, ...] = ()
    needs_labels: bool = False

    def __post_init__(self) -> None:
        for name, branches in (('trains', self.trains), ('reads', self.reads)):
            if isinstance(branches, str) or not set(branches) <= set(BRANCHES):
                raise ValueError(f'{name}={branches!r} of a loss term: list branches, out of {BRANCHES}')
        if not self.trains:
            raise ValueError(f'trains=() of a loss term: name at least one branch, out of {BRANCHES}')


def classification(batch: HeadBatch) -> Tensor:
    """Mean of both classifiers' detection losses, a 0-d tensor."""
    loss_1 = batch.head.classification_loss(batch.outputs.logits_1, batch.targets)
    return (loss_1 + batch.head.classification_loss(batch.outputs.logits_2, batch.targets)) / 2


def regression(batch: HeadBatch) -> Tensor:
    """Loss of the boxes, a 0-d tensor."""
    return batch.head.regression_loss(batch.outputs.maps['f_r'], batch.targets)


def image_classification(batch: HeadBatch) -> Tensor:
    """Loss of image scores (B, C) against the classes of each image's boxes, a 0-d tensor (section 3.3)."""
    labels = image_labels(batch.gt_labels, batch.head.cls_out_channels)
    return batch.head.loss_mil(batch.outputs.image_scores, labels)


def pseudo_image_classification(batch: HeadBatch) -> Tensor:
    """Loss of image scores (B, C) against classes that the classifiers see in the image, a 0-d tensor."""
    # Sigmoid for softmax heads too: that is how the published code makes their pseudo-labels.
    labels = pseudo_labels(batch.outputs.sigmoids_1, batch.outputs.sigmoids_2)
    return batch.head.loss_mil.pseudo(batch.outputs.image_scores, labels)


def discrepancy(batch: HeadBatch) -> Tensor:
    """Weighted discrepancy of the classifiers, a 0-d tensor: it makes them agree (section 3.2)."""
    outputs = batch.outputs
    return batch.head.loss_dis(outputs.probabilities_1, outputs.probabilities_2, outputs.mil_weights)


def maximized_discrepancy(batch: HeadBatch) -> Tensor:
    """Loss that falls as the weighted discrepancy grows, a 0-d tensor: it drives the classifiers apart."""
    outputs = batch.outputs
    return batch.head.loss_dis.maximized(
        outputs.probabilities_1, outputs.probabilities_2, outputs.mil_weights
    )


LOSS_TERMS: dict[str, LossTerm] = {
    'loss_cls': LossTerm(classification, trains=('f_1', 'f_2'), needs_labels=True),
    'loss_bbox': LossTerm(regression, trains=('f_r',), needs_labels=True),
    'loss_mil': LossTerm(image_classification, trains=('f_mil',), reads=('f_1', 'f_2'), needs_labels=True),
    'loss_dis': LossTerm(discrepancy, trains=('f_1', 'f_2'), reads=('f_mil',)),
    'loss_dis_max': LossTerm(maximized_discrepancy, trains=('f_1', 'f_2'), reads=('f_mil',)),
    'loss_mil_pseudo': LossTerm(pseudo_image_classification, trains=('f_mil',), reads=('f_1', 'f_2')),
}


def select_terms(names: Sequence[str], has_labels: bool) -> dict[str, LossTerm]:
    """Look up loss terms by name.

    Args:
        names: names from ``LOSS_TERMS``.
        has_labels: whether the batch comes with boxes and labels.

    Raises:
        ValueError: no or unknown names, or a term that needs labels on a batch without.
    """
    unknown = [name for name in names if name not in LOSS_TERMS]
    if unknown or not names:
        raise ValueError(
            f'loss terms {list(names)}: expected at least one of {list(LOSS_TERMS)}, and no other'
        )
    needing = [name for name in names if LOSS_TERMS[name].needs_labels]
    if needing and not has_labels:
        raise ValueError(f'loss terms {needing} need gt_bboxes and gt_labels, which this batch does not have')
    return {name: LOSS_TERMS[name] for name in names}


def branches_of(terms: Iterable[LossTerm]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Branches to compute for these terms: those with gradient, and those that only give values."""
    terms = list(terms)
    trained = {branch for term in terms for branch in term.trains}
    read = {branch for term in terms for branch in term.reads} - trained
    return tuple(b for b in BRANCHES if b in trained), tuple(b for b in BRANCHES if b in read)
