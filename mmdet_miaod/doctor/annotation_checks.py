"""Annotations, image by image: what cannot be read, where all objects went, and which of them are odd."""

from collections.abc import Sequence

import numpy as np

from ..datasets.boxes import BoxAnnotation
from ..datasets.label_report import (
    PERHAPS_UNLABELED,
    many_ignored,
    odd_coordinates,
    other_sizes,
    total_counts,
    unknown_objects,
)
from ..datasets.labeled import LabeledDataset
from ..datasets.objects import INVERTED, LEAVES, NO_AREA, NOT_UNDERSTOOD, ODD, OUTSIDE, REPEATED, SMALL
from .findings import Finding, from_items

# Name of the check and what is found, by the kind of fault.
_FAULTS = {
    NO_AREA: ('boxes without area', 'boxes without area are left out'),
    INVERTED: ('inverted boxes', 'inverted boxes are left out'),
    SMALL: (
        'boxes smaller than a pixel',
        'boxes smaller than a pixel are left out (coordinates are pixels, not from 0 to 1)',
    ),
    OUTSIDE: ('boxes outside the image', 'boxes outside their image are left out'),
    NOT_UNDERSTOOD: ('objects that are not understood', 'objects are not understood and left out'),
    LEAVES: ('boxes beyond the image', 'boxes leave their image and are kept'),
    REPEATED: ('boxes there twice', 'boxes are those of other objects of their image again and are kept'),
    ODD: ('odd boxes', 'boxes are odd and kept'),
}


def check_annotations(dataset: LabeledDataset, indices: Sequence[int], title: str) -> list[Finding]:
    """Read the annotations of some images, without unlocking them.

    Args:
        dataset: that reads them, and holds them against the images.
        indices: which images.
        title: name of this set of images.
    """
    read: dict[str, BoxAnnotation] = {}
    unreadable = []
    for i in indices:
        try:
            read[dataset.annotation_source(i)] = dataset.annotation(i)
        except (OSError, ValueError) as error:
            unreadable.append(str(error))
    findings = [
        from_items(
            'data',
            f'{title}: annotations',
            unreadable,
            f'of {len(indices)} are missing or cannot be read',
            f'{len(indices)} images, {sum(len(entry.bboxes) for entry in read.values())} boxes',
            'error',
        ),
        *_check_objects(read, dataset, title),
        *_check_images(read, title),
    ]
    missing = [dataset.annotation_source(i) for i in dataset.perhaps_unlabeled(indices)]
    name = f'{title}: labels that may be missing'
    findings.append(from_items('data', name, missing, PERHAPS_UNLABELED, 'none'))
    boxes = _boxes_by_class(read, len(dataset.CLASSES))
    if read and not boxes.sum():
        findings.append(Finding('data', f'{title}: boxes', 'error', 'not a single box of a known class'))
    without = [name for name, count in zip(dataset.CLASSES, boxes, strict=True) if not count]
    hint = f'; {dataset.class_hint}' if dataset.class_hint else ''
    bad = f'classes have no box{hint}'
    findings.append(from_items('data', f'{title}: classes', without, bad, 'all have boxes', 'note'))
    return findings


def _check_objects(read: dict[str, BoxAnnotation], dataset: LabeledDataset, title: str) -> list[Finding]:
    counts = total_counts(read)
    many = [text for text in (many_ignored(counts), *odd_coordinates(read)) if text]
    status = 'warning' if many else 'ok'
    findings = [Finding('data', f'{title}: objects', status, '; '.join([str(counts), *many]))]
    for kind, (name, bad) in _FAULTS.items():
        items = [
            f'{source}: {fault.text}'
            for source, entry in read.items()
            for fault in entry.faults
            if fault.kind == kind
        ]
        findings.append(from_items('data', f'{title}: {name}', items, bad, 'none'))
    unknown = unknown_objects(read, dataset.CLASSES)
    bad = 'names are no class; their objects are left out'
    findings.append(from_items('data', f'{title}: unknown classes', unknown, bad, 'none'))
    stray = [f'{number} {reason}' for reason, number in dataset.stray_objects().items()]
    bad = 'kinds of objects belong to no image of the set and are left out'
    findings.append(from_items('data', f'{title}: objects of other images', stray, bad, 'none'))
    return findings


def _check_images(read: dict[str, BoxAnnotation], title: str) -> list[Finding]:
    empty = [source for source, entry in read.items() if not len(entry.bboxes)]
    bad = 'images have another size than their annotations say; their boxes may lie on other pixels'
    return [
        from_items('data', f'{title}: sizes of images', other_sizes(read), bad, 'as stated, where stated'),
        from_items(
            'data', f'{title}: images without boxes', empty, 'images show background only', 'none', 'note'
        ),
    ]


def _boxes_by_class(read: dict[str, BoxAnnotation], classes: int) -> np.ndarray:
    labels = [entry.labels for entry in read.values()]
    return np.bincount(np.concatenate([np.zeros(0, np.int64), *labels]), minlength=classes)
