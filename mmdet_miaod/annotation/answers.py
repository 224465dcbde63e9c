"""The answers to a batch: an annotation file compared with the batch's manifest."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .batch import Batch, BatchImage, Corners, rounded_corners
from .found import FoundBox, FoundFile, FoundImage, ReviewState, base_name

_SHOWN = 10
# Less is a matter of rounding.
_CLIP_TOLERANCE = 0.5
# What no person draws, in shares of an image: all boxes ending before, many reaching farther beyond its edge.
_RELATIVE, _FAR = 0.01, 0.1


@dataclass(frozen=True, order=True)
class LabelBox:
    """A box that a person gave, or left as the model proposed it.

    Attributes:
        name: of its class.
        corners: x1, y1, x2, y2, edges in pixels from 0, within the image, to two digits.
        ignored: see :class:`~mmdet_miaod.annotation.found.FoundBox`.
    """

    name: str
    corners: Corners
    ignored: bool = False


@dataclass(frozen=True)
class Answer:
    """The answer about one image.

    Attributes:
        state: reviewed, skipped or untouched.
        boxes: of a reviewed image, sorted, so that they are the same from any tool; none: nothing is there.
        seconds: of work, None where the tool does not tell.
        conflict: what people or imports disagree about; empty: nothing.
    """

    state: ReviewState
    boxes: tuple[LabelBox, ...] = ()
    seconds: float | None = None
    conflict: str = ''

    @property
    def is_reviewed(self) -> bool:
        """Whether a person looked at the image and submitted it."""
        return self.state is ReviewState.REVIEWED


@dataclass(frozen=True)
class Answers:
    """An annotation file's answers to a batch.

    Attributes:
        by_uid: of the images that are in the file.
        missing: uids of the images that are not.
        clipped: boxes that reached beyond their image, in words.
        degenerate: boxes without area, left out, in words.
        other_shapes: polygons, rotated boxes and the like, left out, by kind.
        remarks: what else a person should know.
        partial: why the file is known to be a part of an export; empty: it is not.
    """

    by_uid: dict[str, Answer]
    missing: list[str] = field(default_factory=list)
    clipped: list[str] = field(default_factory=list)
    degenerate: list[str] = field(default_factory=list)
    other_shapes: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    partial: str = ''


def compare(batch: Batch, found: FoundFile, source: str, all_reviewed: bool = False) -> Answers:
    """Compare an annotation file with a batch.

    Args:
        batch: what was asked.
        found: what came back.
        source: the file, for messages.
        all_reviewed: the person says that each image of the file was reviewed: images of which the file does
            not tell are, then.

    Raises:
        ValueError: when an image or a class is unknown, an image is there twice, a size or the coordinates do
            not fit, or all boxes of an image are without area; nothing of the file can be used.
    """
    images = _matched(batch, found, source)
    _check_sizes(images, source)
    _check_classes(batch, images, source)
    _check_coordinates(images, source)
    answers = Answers({}, remarks=list(found.remarks), partial=found.partial)
    for uid, (image, entry) in images.items():
        answers.by_uid[uid] = _answer(image, entry, source, all_reviewed, answers)
        answers.other_shapes.update(entry.other_shapes)
    answers.missing.extend(image.uid for image in batch.images if image.uid not in answers.by_uid)
    return answers


def _answer(
    image: BatchImage, entry: FoundImage, source: str, all_reviewed: bool, answers: Answers
) -> Answer:
    """Return the answer about one image, and add what a person should know of it to all answers."""
    usable = _usable_boxes(image, entry.boxes, answers)
    boxes = tuple(sorted(set(usable)))
    if len(boxes) < len(usable):
        again = len(usable) - len(boxes)
        answers.remarks.append(f'{entry.name}: {again} boxes are there twice; each counts once')
    if entry.boxes and not boxes:
        raise ValueError(
            f'{source}, image {entry.name}: none of its {len(entry.boxes)} boxes has an area in the '
            'image; delete or mend them in the tool, or the image would count as reviewed and empty'
        )
    state = entry.state or _evident_state(image, boxes, all_reviewed)
    if entry.other_shapes and not boxes and state is ReviewState.REVIEWED:
        # It would count as empty, and its objects as background.
        state = ReviewState.UNTOUCHED
        answers.remarks.append(f'{entry.name}: has shapes but no upright box; it counts as untouched')
    return Answer(state, boxes if state is ReviewState.REVIEWED else (), entry.seconds, entry.conflict)


def _matched(batch: Batch, found: FoundFile, source: str) -> dict[str, tuple[BatchImage, FoundImage]]:
    names = batch.by_name
    unknown = [entry.name for entry in found.images if base_name(entry.name) not in names]
    if unknown:
        raise ValueError(
            f'{source}: {len(unknown)} of its {len(found.images)} images are not of batch {batch.number}: '
            f'{_listed(unknown)}; its images are such as {batch.images[0].file_name!r}. Is it the file of '
            'another batch or run, or were images renamed or added in the tool?'
        )
    images: dict[str, tuple[BatchImage, FoundImage]] = {}
    for entry in found.images:
        image = names[base_name(entry.name)]
        if image.uid in images:
            raise ValueError(f'{source}: image {entry.name} is there twice')
        images[image.uid] = image, entry
    if not images:
        raise ValueError(f'{source}: has no image of batch {batch.number}')
    return images


def _check_sizes(images: Mapping[str, tuple[BatchImage, FoundImage]], source: str) -> None:
    wrong = [
        f'{entry.name} ({entry.size[0]:g} x {entry.size[1]:g} in place of {image.width} x {image.height})'
        for image, entry in images.values()
        if entry.size is not None and entry.size != (image.width, image.height)
    ]
    if wrong:
        raise ValueError(
            f'{source}: {len(wrong)} images have another size than in the batch: {_listed(wrong)}; was the '
            'image scaled, replaced, or turned by its EXIF orientation?'
        )


def _check_classes(batch: Batch, images: Mapping[str, tuple[BatchImage, FoundImage]], source: str) -> None:
    unknown: dict[str, list[str]] = {}
    for _, entry in images.values():
        for box in entry.boxes:
            if box.name not in batch.classes:
                unknown.setdefault(box.name, []).append(entry.name)
    for name, where in unknown.items():
        close = difflib.get_close_matches(name, batch.classes, 1)
        raise ValueError(
            f'{source}, image {where[0]}: {name!r} is no class of the run '
            f'({len(where)} boxes; unknown names: {_listed(list(unknown))}); the classes are '
            f'{_listed(list(batch.classes))}' + (f'; is it {close[0]!r}?' if close else '')
        )


def _check_coordinates(images: Mapping[str, tuple[BatchImage, FoundImage]], source: str) -> None:
    """Refuse coordinates that are no pixels of these images, whatever they are."""
    boxes = [(image, box.corners) for image, entry in images.values() for box in entry.boxes]
    relative, far = [], []
    for image, (x1, y1, x2, y2) in boxes:
        width, height = image.width, image.height
        if max(x1, x2) <= max(_RELATIVE * width, 1) and max(y1, y2) <= max(_RELATIVE * height, 1):
            relative.append(image.file_name)
        right, bottom = (1 + _FAR) * width, (1 + _FAR) * height
        if min(x1 / width, y1 / height) < -_FAR or x2 > right or y2 > bottom:
            far.append(image.file_name)
    if len(boxes) > 1 and len(relative) == len(boxes):
        raise ValueError(
            f'{source}: all of its {len(boxes)} boxes are in the upper left hundredth of images such as '
            f'{relative[0]}: are the coordinates shares of an image? Those of the format are not'
        )
    if len(far) > 1 and len(far) * 4 > len(boxes):
        raise ValueError(
            f'{source}: {len(far)} of its {len(boxes)} boxes reach far beyond their images, as of {far[0]}: '
            'are they of images of another size, or corners where the format has widths and heights?'
        )


def _usable_boxes(image: BatchImage, boxes: Sequence[FoundBox], answers: Answers) -> list[LabelBox]:
    usable = []
    for box in boxes:
        x1, y1, x2, y2 = box.corners
        corners = rounded_corners((max(x1, 0), max(y1, 0), min(x2, image.width), min(y2, image.height)))
        what = f'{image.file_name}: {box.name} [{x1:g}, {y1:g}, {x2:g}, {y2:g}]'
        if corners[0] >= corners[2] or corners[1] >= corners[3]:
            answers.degenerate.append(what)
            continue
        if max(abs(a - b) for a, b in zip(box.corners, corners, strict=True)) > _CLIP_TOLERANCE:
            answers.clipped.append(what)
        usable.append(LabelBox(box.name, corners, box.ignored))
    return usable


def _evident_state(image: BatchImage, boxes: Sequence[LabelBox], all_reviewed: bool) -> ReviewState:
    """Tell whether boxes are a person's work where the file does not say so.

    No boxes, or just those that the model proposed, may mean that nobody looked.
    """
    proposed = sorted(LabelBox(box.name, box.corners) for box in image.boxes)
    if all_reviewed or (boxes and list(boxes) != proposed):
        return ReviewState.REVIEWED
    return ReviewState.UNTOUCHED


def _listed(names: Sequence[str]) -> str:
    shown = ', '.join(repr(name) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f'{shown} and {len(names) - _SHOWN} more'
