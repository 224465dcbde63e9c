"""COCO annotation files: images in the order of the file, boxes by image."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..regular_files import IrregularFileError, read_text
from .boxes import BoxAnnotation, sort_objects
from .coco_checks import check_content, check_references, flag, named_categories
from .image_index import ImageIndex
from .image_lists import check_name
from .image_tags import default_tags
from .objects import MARKED, NOT_UNDERSTOOD, FoundObject, rotation_remark

_LOGGER = logging.getLogger('mmdet')

NO_IMAGE = 'of an image that is not in the file'
SMALL_IMAGE = 'of an image that only_with_boxes leaves out'
_MADE_RELATIVE = (
    'the page docs/how-to/coco.md (File names) has the lines of Python that make the names of a file so'
)


@dataclass(frozen=True)
class CocoFile:
    """Content of a COCO annotation file.

    Attributes:
        path: the file, for messages.
        images: entries of the images, in the file's order.
        categories: entries of the categories, in the file's order.
        annotations: entries of the boxes by image id.
        stray: number of boxes that belong to no image of ``images``, by reason.
        left_out: number of the file's images that :meth:`with_boxes` left out.
    """

    path: str
    images: list[dict]
    categories: list[dict]
    annotations: dict[Any, list[dict]]
    stray: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0

    def with_boxes(self, min_size: int = 32) -> 'CocoFile':
        """Only images that have an annotation and whose sides are at least ``min_size`` pixels long.

        The published COCO experiment's pool (MMDetection's ``filter_empty_gt``): 117,266 images of train2017.
        """
        with_boxes = [image for image in self.images if image['id'] in self.annotations]
        kept = [image for image in with_boxes if min(image['width'], image['height']) >= min_size]
        empty, small = len(self.images) - len(with_boxes), len(with_boxes) - len(kept)
        if empty or small:
            _LOGGER.info(
                '%s: %d of %d images are left out: %d have no boxes, %d a side under %d pixels '
                '(only_with_boxes).',
                *(self.path, empty + small, len(self.images), empty, small, min_size),
            )
        lost = len(self.boxes_of(with_boxes)) - len(self.boxes_of(kept))
        stray = dict(self.stray, **({SMALL_IMAGE: lost} if lost else {}))
        return replace(self, images=kept, stray=stray, left_out=empty + small)

    def boxes_of(self, images: Sequence[Mapping[str, Any]]) -> list[dict]:
        """Entries of the boxes of these images, in the images' order."""
        return [box for image in images for box in self.annotations.get(image['id'], ())]

    def index(self, image_folder: str, tag: str | None = None, **options: str) -> ImageIndex:
        """Index the images below ``image_folder``, with options of :meth:`ImageIndex.from_names`; index i is
        entry i."""
        names = [str(image['file_name']) for image in self.images]
        for i, name in enumerate(names):
            check_name(name, f'{self.path}, images[{i}].file_name', _MADE_RELATIVE)
        tag = tag or default_tags([self.path], [''])[0]
        return ImageIndex.from_names(names, image_folder, tag, source=self.path, **options)


def read_coco(path: str) -> CocoFile:
    """Read an annotation file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not in COCO's format; an image id, a category id or name is there twice; ids
            of boxes are of another type than those that they refer to; a box that counts is not four numbers,
            or the boxes are corners in place of x, y, width and height.
    """
    images, categories, boxes = _read_lists(path)
    by_image: dict[Any, list[dict]] = defaultdict(list)
    for box in boxes:
        by_image[box['image_id']].append(box)
    categories = named_categories(path, categories, {box['category_id'] for box in boxes})
    _refuse_repeated_ids(path, images, categories)
    check_references(path, 'image', 'image_id', (image['id'] for image in images), by_image)
    used = Counter(box['category_id'] for box in boxes)
    check_references(path, 'category', 'category_id', (entry['id'] for entry in categories), used)
    known = {image['id'] for image in images}
    lost = {image_id: by_image.pop(image_id) for image_id in list(by_image) if image_id not in known}
    stray = sum(map(len, lost.values()))
    if stray:
        _LOGGER.warning(
            '%s: %d of %d boxes are left out: their image_id (%s) is the id of no image.',
            *(path, stray, len(boxes), ', '.join(map(repr, list(lost)[:5]))),
        )
    return CocoFile(str(path), images, categories, dict(by_image), {NO_IMAGE: stray} if stray else {})


def _read_lists(path: str) -> tuple[list[dict], list[dict], list[dict]]:
    """Return the images, categories and boxes of a file, each entry with what it needs."""
    try:
        text = read_text(path, encoding='utf-8-sig')
        # Of a name that is there twice, JSON's readers lose all but the last; few files can have one.
        twice = any(text.count(f'"{name}"') > 1 for name in ('images', 'categories', 'annotations'))
        content = json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_unique if twice else None
        )
        if not isinstance(content, dict):
            raise ValueError('it is no object with images, categories and annotations')
        images, categories, boxes = (content[name] for name in ('images', 'categories', 'annotations'))
        check_content(images, categories, boxes)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such annotation file') from None
    except IrregularFileError:
        raise
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: not UTF-8 ({error}); save the file as UTF-8') from None
    except KeyError as error:
        raise ValueError(f'{path}: not in the format of COCO (KeyError: {error})') from error
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f'{path}: not in the format of COCO ({error})') from error
    return images, categories, boxes


def _refuse_repeated_ids(path: str, images: Sequence[dict], categories: Sequence[dict]) -> None:
    for kind, entries in (('image ids', images), ('category ids', categories)):
        ids = Counter(entry['id'] for entry in entries)
        if twice := [value for value, count in ids.items() if count > 1]:
            raise ValueError(
                f'{path}: {kind} {twice[:5]} are there more than once; give each an id of its own, in its '
                'boxes too'
            )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = Counter(name for name, _ in pairs)
        raise ValueError(f'an object has {max(names, key=names.get)!r} twice; join the two')
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f'{name} is no number')


def parse_boxes(
    image: Mapping[str, Any],
    boxes: Iterable[Mapping[str, Any]],
    category_labels: Mapping[Any, int],
    names: Mapping[Any, str] | None = None,
    size: tuple[float, float] | None = None,
) -> BoxAnnotation:
    """Boxes of an image.

    Crowds become ignored boxes, entries marked ``ignore`` are left out. What else is left out, and why:
    :func:`~mmdet_miaod.datasets.boxes.sort_objects`; the file's ``area`` does not count.

    Args:
        image: the image's entry.
        boxes: entries of its boxes.
        category_labels: label by category id; other categories are left out.
        names: name by category id, for messages.
        size: width and height in pixels of the image; None: as its entry states.
    """
    names = names or {}
    objects = [_found(number, box, category_labels, names) for number, box in enumerate(boxes)]
    return sort_objects(objects, size, (image['width'], image['height']))


def _found(
    number: int, box: Mapping[str, Any], category_labels: Mapping[Any, int], names: Mapping[Any, str]
) -> FoundObject:
    category = box['category_id']
    name = names.get(category, f'category {category!r}')
    what, label = f'box {box.get("id", number)!r} ({name}) {box.get("bbox")}', category_labels.get(category)
    if flag(box, 'ignore'):
        return FoundObject(what, name, label, left_out=MARKED)
    if not box.get('bbox'):
        return FoundObject(what, name, label, left_out=NOT_UNDERSTOOD, remark='has no bbox')
    left, top, width, height = (float(value) for value in box['bbox'])
    mark = 'crowd' if flag(box, 'iscrowd') else ''
    attributes = box.get('attributes')
    places = [box, attributes if isinstance(attributes, dict) else {}]
    remark = rotation_remark(place.get(key) for place in places for key in ('rotation', 'angle'))
    corners = (left, top, left + width, top + height)
    return FoundObject(what, name, label, corners, mark=mark, remark=remark)
