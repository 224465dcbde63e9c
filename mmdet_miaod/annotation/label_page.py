"""Answers given on the label page: kept in a file of the batch's folder, imported as any other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..run.files import write_text
from .answers import compare
from .batch import Batch, read_batch, rounded_corners
from .found import FoundBox, FoundFile, FoundImage, ReviewState, finite_number
from .labels import LABELS_NAME, read_labels
from .sources import read_json

NAME = 'label page'
FORMAT = 'mmdet_miaod label page 1'
PAGE_FILE = 'label-page.json'


def read_page(content: Any) -> FoundFile:
    """Read what the label page saved.

    Raises:
        ValueError: when it is malformed; the image is named.
    """
    if content.get('format') != FORMAT or not isinstance(content.get('images'), list):
        raise ValueError(f'is no file of the label page in the format {FORMAT!r}')
    images = tuple(read_entry(entry) for entry in content['images'])
    drafts = sum(image.state is ReviewState.UNTOUCHED and bool(image.boxes) for image in images)
    remarks = (f'{drafts} images have boxes, but "Done" was not pressed; they count as untouched',)
    return FoundFile(NAME, images, remarks=remarks if drafts else ())


def read_entry(entry: Any) -> FoundImage:
    """Read what is said about one image.

    Args:
        entry: ``uid``, ``state`` (of :class:`ReviewState`), ``boxes`` (each a ``name``, ``corners`` x1, y1,
            x2, y2 in pixels, and perhaps ``ignored``) and ``seconds`` of work.

    Raises:
        ValueError: when it is malformed.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get('uid'), str):
        raise ValueError(f'an image has no uid: {str(entry)[:60]!r}')
    name, state, boxes = entry['uid'], entry.get('state'), entry.get('boxes')
    if state not in [known.value for known in ReviewState]:
        raise ValueError(f'image {name}: its state is {str(state)[:60]!r}')
    if not isinstance(boxes, list):
        raise ValueError(f'image {name}: its boxes are {str(boxes)[:60]!r}, no list')
    seconds = max(finite_number(entry.get('seconds'), f'image {name}: seconds'), 0.0)
    return FoundImage(
        name, None, tuple(_read_box(name, box) for box in boxes), ReviewState(state), seconds or None
    )


def _read_box(image: str, box: Any) -> FoundBox:
    corners = box.get('corners') if isinstance(box, Mapping) else None
    if not isinstance(corners, list) or len(corners) != 4 or not isinstance(box.get('name'), str):
        raise ValueError(f'image {image}: {str(box)[:60]!r} is no box with a name and four corners')
    what = f'image {image}: a corner of a box'
    numbers = rounded_corners([finite_number(value, what) for value in corners])
    return FoundBox(box['name'], numbers, box.get('ignored') is True)


@dataclass
class PageLabels:
    """Answers given so far about the images of a batch.

    Attributes:
        batch: the batch.
        folder: of the batch.
        images: what was said, by uid.
    """

    batch: Batch
    folder: Path
    images: dict[str, FoundImage]

    @classmethod
    def open(cls, folder: Path) -> 'PageLabels':
        """Take up what the page saved; what another tool's import said since then wins.

        Raises:
            ValueError: the page's file is damaged or of another batch.
        """
        batch, path = read_batch(folder), folder / PAGE_FILE
        page = cls(batch, folder, {})
        if path.exists():
            content = read_json(path)
            found = read_page(content if isinstance(content, Mapping) else {})
            compare(batch, found, str(path))
            page.images.update((image.name, image) for image in found.images)
        imported = folder / LABELS_NAME
        if imported.exists() and (not path.exists() or imported.stat().st_mtime > path.stat().st_mtime):
            for uid, answer in read_labels(folder, batch).answers.items():
                if answer.state is not ReviewState.UNTOUCHED:
                    boxes = tuple(FoundBox(box.name, box.corners, box.ignored) for box in answer.boxes)
                    page.images[uid] = FoundImage(uid, None, boxes, answer.state, answer.seconds)
        return page

    def say(self, entry: Any) -> None:
        """Take in and save what is said about one image.

        Raises:
            ValueError: it cannot be used; nothing is changed.
            OSError: the disk refuses; nothing is changed.
        """
        image = read_entry(entry)
        compare(self.batch, FoundFile(NAME, (image,)), NAME)
        lines = {**self._lines, image.name: json.dumps(_entry(image.name, image))}
        images = ',\n'.join(lines.values())
        write_text(self.folder / PAGE_FILE, f'{{"format": {json.dumps(FORMAT)}, "images": [\n{images}\n]}}\n')
        self.images[image.name], self._lines = image, lines

    @cached_property
    def _lines(self) -> dict[str, str]:
        # Kept, since all of up to a thousand images is saved at each change.
        return {entry['uid']: json.dumps(entry) for entry in self.entries()}

    def entries(self) -> list[dict[str, Any]]:
        """Return all images of the batch as the page's file has them; proposed boxes are not in it."""
        return [_entry(image.uid, self.images.get(image.uid)) for image in self.batch.images]


def _entry(uid: str, image: FoundImage | None) -> dict[str, Any]:
    image = image or FoundImage(uid, None, (), ReviewState.UNTOUCHED)
    boxes = [dict(name=box.name, corners=box.corners, ignored=box.ignored) for box in image.boxes]
    return dict(uid=uid, state=image.state.value, boxes=boxes, seconds=image.seconds or 0)
