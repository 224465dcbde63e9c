"""Boxes of an image, and the one rule by which objects of annotation files become boxes."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .objects import (
    INVERTED,
    LEAVES,
    NO_AREA,
    NOT_UNDERSTOOD,
    ODD,
    OUTSIDE,
    REPEATED,
    SMALL,
    UNKNOWN,
    Fault,
    FoundObject,
    ObjectCounts,
    written,
)

# Corners of annotation files are often rounded to hundredths.
_SHORTEST_SIDE = 0.999
# Less than this of a box inside the image is a slip: after resizing it may be nothing.
_LEAST_INSIDE = 0.5


@dataclass(frozen=True, eq=False)
class BoxAnnotation:
    """Boxes of one image, in pixels from 0, and what was odd about them.

    Attributes:
        bboxes: ``(n, 4)`` float32, x1, y1, x2, y2.
        labels: ``(n,)`` int64.
        bboxes_ignore: ``(k, 4)`` float32, objects that count neither way (VOC's difficult, COCO's crowds).
        labels_ignore: ``(k,)`` int64.
        unknown: number of objects by name, of names that are no class of the data set.
        faults: what was found wrong with single objects.
        counts: where all objects of the image went.
        numbers: place in the file of the objects of ``bboxes``, then of ``bboxes_ignore``, from 0.
        size: width and height in pixels of the image that the boxes were held against; None: they were not.
        stated_size: width and height that the annotations state; None where they state none.
    """

    bboxes: np.ndarray
    labels: np.ndarray
    bboxes_ignore: np.ndarray
    labels_ignore: np.ndarray
    unknown: Mapping[str, int]
    faults: tuple[Fault, ...]
    counts: ObjectCounts
    numbers: tuple[int, ...] = ()
    size: tuple[float, float] | None = None
    stated_size: tuple[float, float] | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What was found wrong with single objects, in words."""
        return tuple(fault.text for fault in self.faults)

    @classmethod
    def from_objects(
        cls,
        objects: Sequence[tuple[Sequence[float], int, bool]],
        unknown: Mapping[str, int],
        problems: Iterable[str],
    ) -> 'BoxAnnotation':
        """Annotation of an image with these objects, for formats of one's own.

        Args:
            objects: corners (x1, y1, x2, y2), label and whether the object is ignored; may be empty.
            unknown: see the attribute.
            problems: what was found wrong, in words.
        """
        ignored = sum(is_ignored for _, _, is_ignored in objects)
        left_out = {UNKNOWN: sum(unknown.values())} if unknown else {}
        counts = ObjectCounts(len(objects) - ignored, {'ignored': ignored} if ignored else {}, left_out)
        faults = tuple(Fault(ODD, text) for text in problems)
        return cls(**_arrays(objects), unknown=dict(unknown), faults=faults, counts=counts)

    def within(self, size: tuple[float, float] | None) -> 'BoxAnnotation':
        """Return the annotation without boxes that :func:`fault_of_box` refuses for an image of this size."""
        boxes = np.concatenate([self.bboxes, self.bboxes_ignore]).tolist()
        labels = np.concatenate([self.labels, self.labels_ignore]).tolist()
        marks = [''] * len(self.bboxes) + ['ignored'] * len(self.bboxes_ignore)
        objects = [
            FoundObject(f'box {written(box)}', '', label, tuple(box), mark=mark)
            for box, label, mark in zip(boxes, labels, marks, strict=True)
        ]
        found = sort_objects(objects, size)
        rest = ObjectCounts(0, {}, self.counts.left_out)
        faults = (*self.faults, *found.faults)
        return replace(found, unknown=self.unknown, faults=faults, counts=found.counts + rest)


def sort_objects(
    objects: Sequence[FoundObject],
    size: tuple[float, float] | None,
    stated_size: tuple[float, float] | None = None,
) -> BoxAnnotation:
    """Decide of every object of an image whether it is trained on, ignored or left out.

    The one rule of training and evaluation for files of any format.

    Args:
        objects: all objects that the file has for the image.
        size: width and height in pixels of the image as a model sees it; None where that is not known.
        stated_size: width and height that the annotations state, used where ``size`` is not known.
    """
    kept: list[tuple[int, FoundObject]] = []
    unknown = Counter(found.name for found in objects if found.label is None and not found.left_out)
    left_out: Counter[str] = Counter()
    faults: list[Fault] = []
    first: dict[tuple, FoundObject] = {}
    for number, found in enumerate(objects):
        reason, told = _reason_to_leave_out(found, size or stated_size)
        faults += told
        if reason:
            left_out[reason] += 1
            continue
        kept.append((number, found))
        earlier = first.setdefault((found.mark, *found.corners), found)
        faults += _oddities(found, earlier, size or stated_size)
    numbers = [number for number, found in kept if not found.mark]
    numbers += [number for number, found in kept if found.mark]
    ignored = Counter(found.mark for _, found in kept if found.mark)
    return BoxAnnotation(
        **_arrays([(found.corners, found.label, bool(found.mark)) for _, found in kept]),
        unknown=dict(unknown),
        faults=tuple(faults),
        counts=ObjectCounts(len(kept) - sum(ignored.values()), dict(ignored), dict(left_out)),
        numbers=tuple(numbers),
        size=size,
        stated_size=stated_size,
    )


def _reason_to_leave_out(found: FoundObject, size: tuple[float, float] | None) -> tuple[str, list[Fault]]:
    """Return the reason, '' where the object is kept, and what is told of it."""
    if found.left_out:
        told = [Fault(found.left_out, f'{found.what} {found.remark}; left out')] if found.remark else []
        return found.left_out, told
    if found.label is None:
        return UNKNOWN, []
    fault = _fault(found, size)
    return ('', []) if fault is None else (fault.kind, [fault])


def _oddities(found: FoundObject, first: FoundObject, size: tuple[float, float] | None) -> Iterator[Fault]:
    """Yield what is told of an object that is kept; ``first`` is the first one of the same box."""
    if first is not found:
        yield Fault(REPEATED, f'{found.what} is the box of {first.what} again; both are kept')
    if size_left := _leaves(found, size):
        yield Fault(LEAVES, f'{found.what} leaves the image of {size_left}; kept')
    if found.remark:
        yield Fault(ODD, f'{found.what} {found.remark}; kept as it is written')


def _fault(found: FoundObject, size: tuple[float, float] | None) -> Fault | None:
    # As they are written: moving a box to pixels from 0 may round its area away.
    fault = fault_of_box(found.written or found.corners, None)
    if fault is None and size is not None:
        fault = fault_of_box(found.corners, size)
    return None if fault is None else Fault(fault[0], f'{found.what} {fault[1]}; left out')


def fault_of_box(corners: Sequence[float], size: tuple[float, float] | None) -> tuple[str, str] | None:
    """Say why a model cannot be trained on a box, as reason and words; None where it can.

    A box needs sides of 1 pixel and at least half a pixel of both within the image: one without area is
    ``log(0)`` in the box loss, once resizing has clipped it to the image.

    Args:
        corners: x1, y1, x2, y2 in pixels from 0.
        size: width and height of the image in pixels; None: only that the box has an area is checked.
    """
    if not all(math.isfinite(corner) for corner in corners):
        return NOT_UNDERSTOOD, 'is no box of numbers'
    x1, y1, x2, y2 = corners
    if x2 < x1 or y2 < y1:
        return INVERTED, 'is inverted and has no area'
    if x2 == x1 or y2 == y1:
        return NO_AREA, 'has no area'
    if size is None:
        return None
    if min(x2 - x1, y2 - y1) < _SHORTEST_SIDE:
        return SMALL, 'is smaller than a pixel'
    inside = min(x2, size[0]) - max(x1, 0), min(y2, size[1]) - max(y1, 0)
    if min(inside) < _LEAST_INSIDE:
        return OUTSIDE, f'lies outside the image of {size[0]:g} x {size[1]:g}'
    return None


def has_area(boxes: np.ndarray) -> np.ndarray:
    """``(n,)`` whether boxes ``(n, 4)`` of a transformed image have an area: none is left that has not."""
    return (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])


def _leaves(found: FoundObject, size: tuple[float, float] | None) -> str:
    """Size of the image, in words, where a box reaches beyond it; ''."""
    x1, y1, x2, y2 = found.written or found.corners
    # From 0, as many annotation tools write, and rounded.
    tolerance = 0.5
    if size is None or (
        min(x1, y1) >= -tolerance and x2 <= size[0] + tolerance and y2 <= size[1] + tolerance
    ):
        return ''
    return f'{size[0]:g} x {size[1]:g}'


def _arrays(objects: Sequence[tuple[Sequence[float], int, bool]]) -> dict[str, np.ndarray]:
    arrays = {}
    for suffix, ignored in (('', False), ('_ignore', True)):
        chosen = [(corners, label) for corners, label, is_ignored in objects if is_ignored == ignored]
        arrays[f'bboxes{suffix}'] = np.array([box for box, _ in chosen], np.float32).reshape(-1, 4)
        arrays[f'labels{suffix}'] = np.array([label for _, label in chosen], np.int64)
    return arrays
