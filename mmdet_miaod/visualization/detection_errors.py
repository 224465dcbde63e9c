"""Right and wrong detections on a test set, box by box."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from mmdet.core.evaluation.bbox_overlaps import bbox_overlaps

# Kinds of detections, and what each means; the wrong ones are those of TIDE.
KINDS = {
    'correct': 'finds a box of its class',
    'duplicate': 'finds a box that a more confident one has found',
    'localization': 'overlaps a box of its class too little',
    'confusion': 'finds a box of another class',
    'both': 'overlaps a box of another class, and too little',
    'background': 'overlaps no box',
}
# Below this overlap a detection has nothing to do with a box.
BACKGROUND_IOU = 0.1


@dataclass(frozen=True)
class Truth:
    """The boxes of a test set, image by image.

    Attributes:
        image: ``(T,)`` int64 index of the image.
        label: ``(T,)`` int64.
        box: ``(T, 4)`` float32, x1, y1, x2, y2 in pixels.
        ignored: ``(T,)`` bool: a detection of such a box counts neither way.
        num_images: number of images.
        num_classes: number of classes.
    """

    image: np.ndarray
    label: np.ndarray
    box: np.ndarray
    ignored: np.ndarray
    num_images: int
    num_classes: int

    @classmethod
    def of_annotations(cls, annotations: Sequence[Mapping[str, np.ndarray]], num_classes: int) -> 'Truth':
        """Join annotations, each with ``bboxes``, ``labels``, ``bboxes_ignore`` and ``labels_ignore``."""
        parts = []
        for image, found in enumerate(annotations):
            for suffix, ignored in (('', False), ('_ignore', True)):
                labels = found[f'labels{suffix}']
                marks = np.full(len(labels), image), np.full(len(labels), ignored)
                parts.append((marks[0], labels, found[f'bboxes{suffix}'].reshape(-1, 4), marks[1]))
        empty = np.zeros(0, int), np.zeros(0, int), np.zeros((0, 4), np.float32), np.zeros(0, bool)
        image, label, box, ignored = (np.concatenate(column) for column in zip(empty, *parts, strict=True))
        return cls(image, label, box, ignored, len(annotations), num_classes)

    @property
    def class_counts(self) -> np.ndarray:
        """Number of boxes per class, ``(C,)`` int64, without ignored ones."""
        return np.bincount(self.label[~self.ignored], minlength=self.num_classes)


@dataclass(frozen=True)
class DetectionErrors:
    """Detections that count, each with its kind.

    Attributes:
        detections: ``(n,)`` of dtype :data:`~mmdet_miaod.active.cycle_evaluation.DETECTION`.
        kinds: ``(n,)`` int64, position in ``KINDS``.
        compared: ``(n,)`` int64, position in the truth of the box that decided the kind, -1 for none.
        missed: ``(T,)`` bool: boxes that no detection finds, not even with a wrong class or place.
        found: ``(T,)`` bool: boxes that are found.
    """

    detections: np.ndarray
    kinds: np.ndarray
    compared: np.ndarray
    missed: np.ndarray
    found: np.ndarray

    def counts(self, labels: np.ndarray | None = None) -> dict[str, int]:
        """Number of detections of each kind, all or those that a mask ``(n,)`` chooses."""
        kinds = self.kinds if labels is None else self.kinds[labels]
        return dict(zip(KINDS, np.bincount(kinds, minlength=len(KINDS)).tolist(), strict=True))


def counted_detections(detections: np.ndarray, truth: Truth) -> np.ndarray:
    """Choose the detections that count: of each class as many of the most confident as it has boxes.

    No threshold is needed then, and models whose confidences differ can be compared (Hoiem, Chodpathumwan and
    Dai, "Diagnosing Error in Object Detectors", ECCV 2012).

    Args:
        detections: ``(n,)`` of dtype :data:`~mmdet_miaod.active.cycle_evaluation.DETECTION`.
        truth: the boxes.

    Returns:
        ``(m,)`` of them, in their order.
    """
    chosen = []
    for label, count in enumerate(truth.class_counts):
        of_class = np.flatnonzero(detections['label'] == label)
        best = np.argsort(-detections['score'][of_class], kind='stable')[:count]
        chosen.append(of_class[best])
    return detections[np.sort(np.concatenate([np.zeros(0, int), *chosen]))]


def find_errors(
    detections: np.ndarray, truth: Truth, iou_thr: float = 0.5, use_legacy_coordinate: bool = False
) -> DetectionErrors:
    """Tell for each counted detection what is wrong with it.

    Detections find boxes as in PASCAL VOC's evaluation: the most confident one first, each the box of its
    class that it overlaps most. The kinds of wrong ones are those of TIDE (Bolya et al., "TIDE: A General
    Toolbox for Identifying Object Detection Errors", ECCV 2020, section 2.2), with the same overlaps.

    Args:
        detections: ``(n,)``, all of them, see :func:`counted_detections`.
        truth: the boxes.
        iou_thr: overlap from which a detection finds a box.
        use_legacy_coordinate: add 1 pixel to widths and heights, as the data set's evaluation does.
    """
    counted = counted_detections(detections, truth)
    counted = counted[np.lexsort((-counted['score'], counted['image']))]
    kinds, compared = np.zeros(len(counted), int), np.full(len(counted), -1)
    found = np.zeros(len(truth.label), bool)
    boxes_of = _slices(truth.image, truth.num_images)
    for image, part in enumerate(_slices(counted['image'], truth.num_images)):
        boxes = np.arange(len(truth.label))[boxes_of[image]]
        overlaps = bbox_overlaps(
            counted['box'][part], truth.box[boxes], use_legacy_coordinate=use_legacy_coordinate
        )
        for i, row in zip(range(part.start, part.stop), overlaps, strict=True):
            kinds[i], compared[i] = _kind(row, counted['label'][i], boxes, truth, found, iou_thr)
            if kinds[i] == 0:
                found[compared[i]] = True
    counts = kinds >= 0
    near = compared[np.isin(kinds, [list(KINDS).index(name) for name in ('localization', 'confusion')])]
    missed = ~found & ~truth.ignored
    missed[near] = False
    return DetectionErrors(counted[counts], kinds[counts], compared[counts], missed, found)


def _kind(
    overlaps: np.ndarray, label: int, boxes: np.ndarray, truth: Truth, found: np.ndarray, iou_thr: float
) -> tuple[int, int]:
    """Position in KINDS of a detection, -1 where it does not count, and of the box that decides it."""
    names = list(KINDS)
    same = truth.label[boxes] == label
    own, best_own = _best(overlaps, boxes, same)
    other, best_other = _best(overlaps, boxes, ~same & ~truth.ignored[boxes])
    if best_own >= iou_thr:
        if truth.ignored[own]:
            return -1, own
        return names.index('duplicate' if found[own] else 'correct'), own
    if best_own >= BACKGROUND_IOU and not truth.ignored[own]:
        return names.index('localization'), own
    if best_other >= iou_thr:
        return names.index('confusion'), other
    if best_other >= BACKGROUND_IOU:
        return names.index('both'), other
    return names.index('background'), -1


def _best(overlaps: np.ndarray, boxes: np.ndarray, mask: np.ndarray) -> tuple[int, float]:
    if not mask.any():
        return -1, 0.0
    best = np.argmax(np.where(mask, overlaps, -1))
    return int(boxes[best]), float(overlaps[best])


def _slices(images: np.ndarray, count: int) -> list[slice]:
    """Where each image begins and ends in an array that is sorted by image."""
    ends = np.searchsorted(images, np.arange(count + 1))
    return [slice(begin, end) for begin, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]


def confusion_matrix(errors: DetectionErrors, truth: Truth) -> np.ndarray:
    """Count boxes by their class and the class that they are taken for.

    Returns:
        ``(C + 1, C + 1)`` int64: rows are true classes, the last one background; columns are classes of
        detections, the last one for boxes that none finds. A row of a class adds up to its boxes, a column to
        its detections.
    """
    names, last = list(KINDS), truth.num_classes
    matrix = np.zeros((last + 1, last + 1), int)
    taken = errors.found.copy()
    for label, kind, box in zip(errors.detections['label'], errors.kinds, errors.compared, strict=True):
        row = last
        if names[kind] == 'correct':
            row = label
        elif names[kind] == 'confusion' and not taken[box]:
            row, taken[box] = truth.label[box], True
        matrix[row, label] += 1
    left = truth.label[~taken & ~truth.ignored]
    matrix[:last, last] = np.bincount(left, minlength=last)
    return matrix


def image_f1(errors: DetectionErrors, truth: Truth) -> np.ndarray:
    """F1 score of each image, ``(N,)``, from its counted detections and boxes; 1 where it has neither."""
    correct = errors.detections['image'][errors.kinds == 0]
    counts = [
        np.bincount(images, minlength=truth.num_images)
        for images in (correct, errors.detections['image'], truth.image[~truth.ignored])
    ]
    total = counts[1] + counts[2]
    return np.where(total > 0, 2 * counts[0] / np.maximum(total, 1), 1.0)
