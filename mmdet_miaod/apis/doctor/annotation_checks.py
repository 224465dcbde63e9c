"""VOC annotation files, one by one: what cannot be read, and which objects are odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ...datasets.image_index import ImageIndex
from ...datasets.voc_xml import INVERTED, NO_AREA, VOCAnnotation, parse_voc_xml
from .findings import Finding, from_items


class _Tally:
    """What was found so far, by kind, with the file it was found in."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []
        self.empty: list[str] = []
        self.no_area: list[str] = []
        self.inverted: list[str] = []
        self.outside: list[str] = []
        self.unknown: Counter[str] = Counter()
        self.boxes = 0

    def add(self, path: str, found: VOCAnnotation, size: tuple[int, int] | None) -> None:
        self.boxes += len(found.bboxes)
        self.unknown.update(found.unknown)
        for problem in found.problems:
            where = f'{path}: {problem}'
            if INVERTED in problem:
                self.inverted.append(where)
            elif NO_AREA in problem:
                self.no_area.append(where)
        if not len(found.bboxes):
            self.empty.append(path)
        if size is not None:
            self.outside += [f'{path}: {text}' for text in _leaving(found, size)]


def check_annotations(
    index: ImageIndex,
    indices: Iterable[int],
    classes: Sequence[str],
    sizes: Mapping[int, tuple[int, int]],
    title: str,
) -> list[Finding]:
    """Read the annotation files of some images.

    Args:
        index: where they are.
        indices: which images.
        classes: names of the classes.
        sizes: (width, height) of the images themselves, by index; what the files say is not trusted.
        title: name of this set of images.
    """
    tally, labels = _Tally(), {name: label for label, name in enumerate(classes)}
    indices = list(indices)
    for i in indices:
        try:
            path = index.annotation_path(i)
            tally.add(path, parse_voc_xml(path, labels), sizes.get(i))
        except (OSError, ValueError) as error:
            tally.unreadable.append(str(error))
    return _findings(tally, len(indices), title)


def _findings(tally: _Tally, count: int, title: str) -> list[Finding]:
    def listed(name: str, items: list[str], bad: str, status: str = 'warning') -> Finding:
        return from_items('data', f'{title}: {name}', items, bad, 'none', status)

    findings = [
        from_items(
            'data',
            f'{title}: annotation files',
            tally.unreadable,
            f'of {count} are missing or cannot be read',
            f'{count} files, {tally.boxes} boxes',
            'error',
        ),
        listed('boxes without area', tally.no_area, 'boxes without area are left out'),
        listed('inverted boxes', tally.inverted, 'inverted boxes are left out'),
        listed('boxes beyond the image', tally.outside, 'boxes leave their image and are kept'),
        listed('images without boxes', tally.empty, 'images show background only', 'note'),
    ]
    unknown = [f'{name} ({number})' for name, number in tally.unknown.most_common()]
    findings.append(listed('unknown classes', unknown, 'names are no class; their objects are left out'))
    if not tally.boxes and len(tally.unreadable) < count:
        findings.append(Finding('data', f'{title}: boxes', 'error', 'not a single box of a known class'))
    return findings


def _leaving(found: VOCAnnotation, size: tuple[int, int]) -> list[str]:
    """Boxes, difficult ones too, that leave the image; VOC's coordinates are 1 to width and height."""
    boxes = np.concatenate([found.bboxes, found.bboxes_ignore]) + 1
    width, height = size
    # From 0, as many annotation tools write.
    bad = (boxes[:, :2] < 0).any(axis=1) | (boxes[:, 2] > width) | (boxes[:, 3] > height)
    shown = [', '.join(f'{corner:g}' for corner in box) for box in boxes[bad]]
    return [f'[{corners}] leaves the image of {width} x {height}' for corners in shown]
