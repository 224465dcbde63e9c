"""Annotations, image by image: what cannot be read, and which objects are odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from ..datasets.labeled import BoxAnnotation, LabeledDataset
from ..datasets.voc_xml import INVERTED, NO_AREA
from .findings import Finding, from_items


class _Tally:
    """What was found so far, by kind, with the place where it was found."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []
        self.empty: list[str] = []
        self.no_area: list[str] = []
        self.inverted: list[str] = []
        self.outside: list[str] = []
        self.other_size: list[str] = []
        self.unknown: Counter[str] = Counter()
        self.boxes = 0

    def add(
        self,
        source: str,
        found: BoxAnnotation,
        written: np.ndarray,
        *,
        size: tuple[int, int] | None,
        stated_size: tuple[float, float] | None,
    ) -> None:
        self.boxes += len(found.bboxes)
        self.unknown.update(found.unknown)
        for problem in found.problems:
            where = f'{source}: {problem}'
            if INVERTED in problem:
                self.inverted.append(where)
            elif NO_AREA in problem:
                self.no_area.append(where)
        if not len(found.bboxes):
            self.empty.append(source)
        if size is None:
            return
        self.outside += [f'{source}: {text}' for text in _leaving(written, size)]
        if stated_size is not None and tuple(stated_size) != tuple(size):
            stated, true = (f'{width:g} x {height:g}' for width, height in (stated_size, size))
            self.other_size.append(f'{source}: {stated} instead of {true}')


def check_annotations(
    dataset: LabeledDataset, indices: Sequence[int], sizes: Mapping[int, tuple[int, int]], title: str
) -> list[Finding]:
    """Read the annotations of some images, without unlocking them.

    Args:
        dataset: that reads them.
        indices: which images.
        sizes: (width, height) of the images themselves, by index; what the files say is not trusted.
        title: name of this set of images.
    """
    tally = _Tally()
    for i in indices:
        try:
            found = dataset.read_annotation(i)
            tally.add(
                dataset.annotation_source(i),
                found,
                dataset.written_boxes(found),
                size=sizes.get(i),
                stated_size=dataset.stated_size(i),
            )
        except (OSError, ValueError) as error:
            tally.unreadable.append(str(error))
    return _findings(tally, len(indices), title)


def _findings(tally: _Tally, count: int, title: str) -> list[Finding]:
    def listed(name: str, items: list[str], bad: str, status: str = 'warning') -> Finding:
        return from_items('data', f'{title}: {name}', items, bad, 'none', status)

    findings = [
        from_items(
            'data',
            f'{title}: annotations',
            tally.unreadable,
            f'of {count} are missing or cannot be read',
            f'{count} images, {tally.boxes} boxes',
            'error',
        ),
        listed('boxes without area', tally.no_area, 'boxes without area are left out'),
        listed('inverted boxes', tally.inverted, 'inverted boxes are left out'),
        listed('boxes beyond the image', tally.outside, 'boxes leave their image and are kept'),
        listed('sizes of images', tally.other_size, 'images have another size than their annotations say'),
        listed('images without boxes', tally.empty, 'images show background only', 'note'),
    ]
    unknown = [f'{name} ({number})' for name, number in tally.unknown.most_common()]
    findings.append(listed('unknown classes', unknown, 'names are no class; their objects are left out'))
    if not tally.boxes and len(tally.unreadable) < count:
        findings.append(Finding('data', f'{title}: boxes', 'error', 'not a single box of a known class'))
    return findings


def _leaving(boxes: np.ndarray, size: tuple[int, int]) -> list[str]:
    """Boxes ``(n, 4)`` that leave the image, in the coordinates that the annotations have."""
    width, height = size
    # From 0, as many annotation tools write.
    bad = (boxes[:, :2] < 0).any(axis=1) | (boxes[:, 2] > width) | (boxes[:, 3] > height)
    shown = [', '.join(f'{corner:g}' for corner in box) for box in boxes[bad]]
    return [f'[{corners}] leaves the image of {width} x {height}' for corners in shown]
