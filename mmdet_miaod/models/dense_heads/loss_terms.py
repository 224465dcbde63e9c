"""The table of loss terms: what a training stage can name (sections 3.2 and 3.3 of the paper)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from .anchor_losses import AnchorLossMixin, AnchorTargets
from .branch_outputs import BranchOutputs


@dataclass(frozen=True)
class LossTerm:
    """One loss term of an MI-AOD head.

    Attributes:
        method: method of the head that computes it from a ``HeadBatch``.
        trains: branches that it sends gradient through.
        reads: branches whose values it needs, without gradient.
        needs_labels: whether it needs boxes and labels, so that unlabeled batches cannot have it.
    """

    method: str
    trains: tuple[str, ...]
    reads: tuple[str, ...] = ()
    needs_labels: bool = False


@dataclass
class HeadBatch:
    """What loss terms are computed from: the branches' outputs and, of a labeled batch, boxes and labels.

    Attributes:
        head: whose targets and losses are used.
        outputs: of the branches that the batch's terms need.
        feature_sizes: (height, width) of each level.
        img_metas: meta data of each image.
        gt_bboxes: (n, 4) an image; None for an unlabeled batch.
        gt_labels: (n,) int64 an image; None for an unlabeled batch.
        gt_bboxes_ignore: see :meth:`AnchorLossMixin.label_anchors`.
    """

    head: AnchorLossMixin
    outputs: BranchOutputs
    feature_sizes: list[tuple[int, int]]
    img_metas: Sequence[dict]
    gt_bboxes: Sequence[Tensor] | None
    gt_labels: Sequence[Tensor] | None
    gt_bboxes_ignore: Sequence[Tensor] | None = None

    @cached_property
    def targets(self) -> AnchorTargets:
        """Anchor targets, assigned once for all terms."""
        boxes = self.gt_bboxes, self.gt_labels, self.gt_bboxes_ignore
        return self.head.label_anchors(self.feature_sizes, self.img_metas, *boxes)


BRANCHES = ('f_1', 'f_2', 'f_r', 'f_mil')

LOSS_TERMS: dict[str, LossTerm] = {
    'loss_cls': LossTerm('_classifier_loss', trains=('f_1', 'f_2'), needs_labels=True),
    'loss_bbox': LossTerm('_box_loss', trains=('f_r',), needs_labels=True),
    'loss_mil': LossTerm('_image_loss', trains=('f_mil',), reads=('f_1', 'f_2'), needs_labels=True),
    'loss_dis': LossTerm('_discrepancy_loss', trains=('f_1', 'f_2'), reads=('f_mil',)),
    'loss_dis_max': LossTerm('_agreement_loss', trains=('f_1', 'f_2'), reads=('f_mil',)),
    'loss_mil_pseudo': LossTerm('_pseudo_image_loss', trains=('f_mil',), reads=('f_1', 'f_2')),
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
