"""The counts of a batch's labels: how far it is, and what became of the boxes that the model proposed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torchvision.ops import box_iou

from .answers import Answer, LabelBox
from .batch import Batch, PreBox
from .found import ReviewState
from .labels import BatchLabels

# A proposed box that was not touched comes back with this overlap, whole pixels and all.
KEPT_IOU = 0.98
# One that was corrected overlaps at least this much with what it was.
MOVED_IOU = 0.3


@dataclass(frozen=True)
class PreBoxCounts:
    """Proposed boxes of reviewed images, counted by what became of them.

    Attributes:
        kept: of the same class and place (IoU of :data:`KEPT_IOU` or more).
        moved: of another place or class (IoU of :data:`MOVED_IOU` or more).
        deleted: proposed, but no such box came back.
        added: not proposed.
    """

    kept: int = 0
    moved: int = 0
    deleted: int = 0
    added: int = 0

    def __add__(self, other: 'PreBoxCounts') -> 'PreBoxCounts':
        return PreBoxCounts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def share_kept(self) -> float | None:
        """Share of the proposed boxes that were accepted unchanged, None where none was proposed."""
        proposed = self.kept + self.moved + self.deleted
        return self.kept / proposed if proposed else None


@dataclass(frozen=True)
class BatchCounts:
    """The counts of a batch.

    Attributes:
        images: in the batch.
        with_boxes: reviewed, with boxes.
        empty: reviewed, nothing there.
        skipped: looked at and left.
        untouched: in an import, but nobody labeled them.
        missing: in no import.
        conflicts: people or imports disagreed about them.
        boxes: in the reviewed images.
        proposed: what became of proposed boxes.
        minutes: of work, as far as the tool told, None where it told nothing.
    """

    images: int
    with_boxes: int
    empty: int
    skipped: int
    untouched: int
    missing: int
    conflicts: int
    boxes: int
    proposed: PreBoxCounts
    minutes: float | None


def count_labels(batch: Batch, labels: BatchLabels) -> BatchCounts:
    """Count what was imported of a batch."""
    answers = labels.answers
    reviewed = [image for image in batch.images if image.uid in answers and answers[image.uid].is_reviewed]
    seconds = [answer.seconds for answer in answers.values() if answer.seconds is not None]
    proposed = sum(
        (compare_boxes(image.boxes, answers[image.uid].boxes) for image in reviewed), PreBoxCounts()
    )
    return BatchCounts(
        images=len(batch.images),
        with_boxes=sum(bool(answers[image.uid].boxes) for image in reviewed),
        empty=sum(not answers[image.uid].boxes for image in reviewed),
        skipped=_number_in(answers.values(), ReviewState.SKIPPED),
        untouched=_number_in(answers.values(), ReviewState.UNTOUCHED),
        missing=len(batch.images) - len(answers),
        conflicts=sum(bool(answer.conflict) for answer in answers.values()),
        boxes=sum(len(answers[image.uid].boxes) for image in reviewed),
        proposed=proposed,
        minutes=sum(seconds) / 60 if seconds else None,
    )


def _number_in(answers: Sequence[Answer], state: ReviewState) -> int:
    return sum(answer.state is state for answer in answers)


def compare_boxes(proposed: Sequence[PreBox], given: Sequence[LabelBox]) -> PreBoxCounts:
    """Pair the proposed and the given boxes of an image by overlap, the largest first.

    Where overlaps are equal, boxes of one class come first.
    """
    if not proposed or not given:
        return PreBoxCounts(deleted=len(proposed), added=len(given))
    overlaps = box_iou(*(torch.tensor([box.corners for box in boxes]) for boxes in (proposed, given))).numpy()
    same = np.array([[a.name == b.name for b in given] for a in proposed])
    rows, columns = np.unravel_index(np.lexsort((~same.ravel(), -overlaps.ravel())), overlaps.shape)
    free_rows, free_columns = [True] * len(proposed), [True] * len(given)
    kept = moved = 0
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if overlaps[row, column] < MOVED_IOU:
            break
        if free_rows[row] and free_columns[column]:
            free_rows[row] = free_columns[column] = False
            unchanged = same[row, column] and overlaps[row, column] >= KEPT_IOU
            kept, moved = kept + bool(unchanged), moved + (not unchanged)
    paired = kept + moved
    return PreBoxCounts(kept, moved, len(proposed) - paired, len(given) - paired)
