"""COCO annotation files: images in the order of the file, boxes by image."""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .image_index import ImageIndex
from .image_tags import default_tags
from .labeled import BoxAnnotation

_LOGGER = logging.getLogger('mmdet')


@dataclass(frozen=True)
class CocoFile:
    """Content of a COCO annotation file.

    Attributes:
        path: the file, for messages.
        images: entries of the images, in the file's order.
        categories: entries of the categories, in the file's order.
        annotations: entries of the boxes by image id.
    """

    path: str
    images: list[dict]
    categories: list[dict]
    annotations: dict[Any, list[dict]]

    def with_boxes(self, min_size: int = 32) -> CocoFile:
        """Only images that have an annotation and whose sides are at least ``min_size`` pixels long.

        The published COCO experiment's pool (MMDetection's ``filter_empty_gt``): 117,266 images of train2017.
        """
        kept = [
            image
            for image in self.images
            if image['id'] in self.annotations and min(image['width'], image['height']) >= min_size
        ]
        if len(kept) < len(self.images):
            _LOGGER.info(
                '%s: %d of %d images are left out: no boxes, or a side under %d pixels (only_with_boxes).',
                self.path, len(self.images) - len(kept), len(self.images), min_size,
            )  # fmt: skip
        return CocoFile(self.path, kept, self.categories, self.annotations)

    def boxes_of(self, images: Sequence[Mapping[str, Any]]) -> list[dict]:
        """Entries of the boxes of these images, in the images' order."""
        return [box for image in images for box in self.annotations.get(image['id'], ())]

    def index(self, image_folder: str, tag: str | None = None) -> ImageIndex:
        """Index the images below ``image_folder``; index i is entry i."""
        names = [str(image['file_name']) for image in self.images]
        return ImageIndex.from_names(names, image_folder, tag or default_tags([self.path], [''])[0])


def read_coco(path: str) -> CocoFile:
    """Read an annotation file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not in COCO's format; an image id, a category id or name is there twice; a box
            that counts is not four numbers.
    """
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8-sig'))
        parts = [content[name] for name in ('images', 'categories', 'annotations')]
        images, categories, boxes = parts
        by_image: dict[Any, list[dict]] = defaultdict(list)
        for box in boxes:
            by_image[box['image_id']].append(box)
        ids = Counter(image['id'] for image in images)
        for number, image in enumerate(images):
            _check_image(number, image)
        known = {category['id']: category['name'] for category in categories}
        for number, box in enumerate(boxes):
            if not box.get('ignore') and box['category_id'] in known:
                _check_box(number, box)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such annotation file') from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path}: not in the format of COCO ({type(error).__name__}: {error})') from error
    for kind, counts in (
        ('image ids', ids),
        ('category ids', Counter(category['id'] for category in categories)),
        ('category names', Counter(known.values())),
    ):
        if twice := [value for value, count in counts.items() if count > 1]:
            raise ValueError(f'{path}: {kind} {twice[:5]} are there more than once')
    if images and by_image and not ids.keys() & by_image.keys():
        raise ValueError(
            f'{path}: no box belongs to an image; image ids are such as {next(iter(ids))!r}, image_id of '
            f'boxes such as {next(iter(by_image))!r}'
        )
    return CocoFile(str(path), images, categories, dict(by_image))


def _check_image(number: int, image: Mapping[str, Any]) -> None:
    missing = [key for key in ('file_name', 'width', 'height') if key not in image]
    if missing:
        raise ValueError(f'entry {number} of images has no {missing}')
    if not all(isinstance(image[side], (int, float)) and image[side] > 0 for side in ('width', 'height')):
        raise ValueError(f'entry {number} of images has the size {image["width"]!r} x {image["height"]!r}')


def _check_box(number: int, box: Mapping[str, Any]) -> None:
    sides = box.get('bbox')
    if not isinstance(sides, list) or len(sides) != 4 or not all(type(v) in (int, float) for v in sides):
        raise ValueError(
            f'entry {number} of annotations has the box {sides!r}: x, y, width and height are needed'
        )


def parse_boxes(
    image: Mapping[str, Any], boxes: Sequence[Mapping[str, Any]], category_labels: Mapping[int, int]
) -> BoxAnnotation:
    """Boxes of an image, by the rules of MMDetection's ``CocoDataset``.

    Crowds become ignored boxes; entries marked ``ignore`` and boxes without area or outside of the image are
    left out (the latter are reported).

    Args:
        image: the image's entry.
        boxes: entries of its boxes.
        category_labels: label by category id; other categories are left out.
    """
    objects: list[tuple[list[float], int, bool]] = []
    unknown: Counter[str] = Counter()
    problems = []
    for box in boxes:
        if box.get('ignore'):
            continue
        if box['category_id'] not in category_labels:
            unknown[f'category {box["category_id"]}'] += 1
            continue
        left, top, width, height = (float(value) for value in box['bbox'])
        inside = min(left + width, image['width']) > max(left, 0)
        inside = inside and min(top + height, image['height']) > max(top, 0)
        if not inside or box.get('area', width * height) <= 0 or width < 1 or height < 1:
            problems.append(f'box {box["bbox"]} has no area in the image; left out')
            continue
        corners = [left, top, left + width, top + height]
        objects.append((corners, category_labels[box['category_id']], bool(box.get('iscrowd'))))
    return BoxAnnotation.from_objects(objects, unknown, problems)
