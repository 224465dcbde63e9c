"""Checks of COCO annotation files where they are read: types of ids, sizes, boxes, flags, categories."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .image_files import summarise
from .image_lists import text_lines

# float32 holds every whole number up to here.
_MAX_COORDINATE = 2.0**24
# Hashes of 128 bits are the longest ids that people use.
_MAX_ID = 2**128
_FLAGS = {0: False, 1: True, None: False, '0': False, '1': True}
_HALVES = re.compile('[\ud800-\udfff]')
# From this share of boxes that leave their images on, boxes that fit as corners are taken for corners.
_CORNERS_SHARE = 0.1


def check_content(images: Any, categories: Any, boxes: Any) -> None:
    """Check every entry of a file.

    Args:
        images: the file's ``images``.
        categories: the file's ``categories``.
        boxes: the file's ``annotations``.

    Raises:
        ValueError: an entry lacks something or has it of another type; entry and value are named.
        KeyError: an entry lacks an id or name.
    """
    for part, entries in (('images', images), ('categories', categories), ('annotations', boxes)):
        if not isinstance(entries, list):
            raise ValueError(f'{part} is no list')
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict):
                raise ValueError(f'entry {number} of {part} is {_shown(entry)}')
    sizes = {}
    for number, image in enumerate(images):
        check_id(f'entry {number} of images', 'id', image['id'])
        _check_image(number, image)
        sizes[image['id']] = image['width'], image['height']
    for number, category in enumerate(categories):
        check_id(f'entry {number} of categories', 'id', category['id'])
        if not _is_text(category['name']):
            raise ValueError(f'entry {number} of categories has the name {_shown(category["name"])}')
    known = {category['id'] for category in categories}
    counting = [box for number, box in enumerate(boxes) if _counts(number, box, known)]
    _refuse_corners(counting, sizes)


def _counts(number: int, box: Mapping[str, Any], known: set) -> bool:
    """Check an entry of a box; tell whether it has a box of a known category."""
    for key in ('image_id', 'category_id'):
        if type(box[key]) is not int:  # most are
            check_id(f'entry {number} of annotations', key, box[key])
    ignored = False
    if (box.get('iscrowd', 0), box.get('ignore', 0)) != (0, 0):
        where = f'entry {number} of annotations'
        flag(box, 'iscrowd', where)
        ignored = flag(box, 'ignore', where)
    sides = box.get('bbox')
    if box['category_id'] not in known or (ignored and not sides):
        return False
    _check_box(number, sides)
    return True


def check_id(where: str, key: str, value: Any) -> None:
    """Check that an id is a whole number or a text.

    Raises:
        ValueError: it is anything else.
    """
    whole = type(value) is int or (type(value) is float and value.is_integer())
    if not (_is_text(value) or (whole and abs(value) < _MAX_ID)):
        raise ValueError(f'{where} has the {key} {_shown(value)}; expected a whole number or a text')


def flag(entry: Mapping[str, Any], key: str, where: str = 'an entry') -> bool:
    """Read a flag: 0 or 1, also as true or false, as null, missing, or as text.

    Raises:
        ValueError: it is anything else.
    """
    value = entry.get(key)
    try:
        return _FLAGS[value]
    except (KeyError, TypeError):
        raise ValueError(f'{where} has {key} {_shown(value)}; expected 0 or 1') from None


def check_references(path: str, kind: str, key: str, ids: Iterable[Any], used: Mapping[Any, Any]) -> None:
    """Refuse boxes that refer to an id by a value of another type.

    Args:
        path: the file, for messages.
        kind: what has the ids: ``'image'`` or ``'category'``.
        key: of the boxes.
        ids: all ids.
        used: the values of ``key``, as keys.

    Raises:
        ValueError: a value is an id once it is read as a number or as text, or no value is an id at all.
    """
    known = set(ids)
    unknown = [value for value in used if value not in known]
    texts = {str(value): value for value in known}
    for value in unknown:
        match = texts.get(str(value))
        if match is None and isinstance(value, str):
            with suppress(ValueError):
                match = texts.get(str(int(value)))
        if match is not None:
            raise ValueError(
                f'{path}: {kind} ids are such as {match!r}, {key} of boxes such as {value!r}: numbers and '
                'texts are not equal; write both in one way'
            )
    if kind == 'image' and known and unknown and len(unknown) == len(used):
        raise ValueError(
            f'{path}: no box belongs to an image; image ids are such as {next(iter(known))!r}, {key} of '
            f'boxes such as {unknown[0]!r}'
        )


def named_categories(path: str, categories: Sequence[dict], used: set) -> list[dict]:
    """Categories with names that are all different: of equal names those without boxes are dropped.

    Args:
        path: the file, for messages.
        categories: the file's entries.
        used: category ids of all boxes.

    Raises:
        ValueError: several categories of one name have boxes.
    """
    counts = Counter(category['name'] for category in categories)
    wanted = [counts[entry['name']] == 1 or entry['id'] in used for entry in categories]
    left = {entry['name'] for entry, is_wanted in zip(categories, wanted) if is_wanted}
    kept = [entry for entry, is_wanted in zip(categories, wanted) if is_wanted or entry['name'] not in left]
    for name, count in Counter(entry['name'] for entry in kept).items():
        if count > 1:
            ids = [entry['id'] for entry in kept if entry['name'] == name]
            raise ValueError(
                f'{path}: category names {name!r} are there more than once, with the ids {ids[:10]}; give '
                'them different names, or their boxes one category_id and remove the others'
            )
    return kept


def supercategories_without_boxes(categories: Sequence[Mapping[str, Any]], used: set) -> list[str]:
    """Names of categories that have no box and are the supercategory of others, as Roboflow writes them."""
    above = {str(category.get('supercategory')) for category in categories}
    return [entry['name'] for entry in categories if entry['name'] in above and entry['id'] not in used]


def reviewed_ids(
    path: str, images: Sequence[Mapping[str, Any]], reviewed: str | None, data_root: str | None
) -> set | None:
    """Ids of images that people looked at, whether or not they have boxes; None where that is not known.

    Args:
        path: the annotation file, for messages.
        images: its images.
        reviewed: ``'all'``, ``'annotated'``, a text file of ids or file names, or None.
        data_root: what a relative path starts from.

    Raises:
        FileNotFoundError: there is no such text file.
        ValueError: it names an image that is not in the file.
    """
    if reviewed in (None, 'all'):
        return None if reviewed is None else {image['id'] for image in images}
    if reviewed == 'annotated':
        return set()
    listed = os.path.join(data_root or '', reviewed)
    if not os.path.isfile(listed):
        raise FileNotFoundError(f"{listed}: no such file; reviewed is 'all', 'annotated' or a list of images")
    by_name = {key: image['id'] for image in images for key in (str(image['id']), image['file_name'])}
    lines = text_lines(listed)
    if missing := [line for line in lines if line not in by_name]:
        raise ValueError(
            f'{listed}: {summarise(missing, len(missing))} are no image ids or file names of {path}'
        )
    return {by_name[line] for line in lines}


def _check_image(number: int, image: Mapping[str, Any]) -> None:
    missing = [key for key in ('file_name', 'width', 'height') if key not in image]
    if missing:
        raise ValueError(f'entry {number} of images has no {missing}')
    if not _is_text(image['file_name']):
        raise ValueError(f'entry {number} of images has the file_name {_shown(image["file_name"])}')
    sides = image['width'], image['height']
    if not all(type(side) in (int, float) and 0 < side <= _MAX_COORDINATE for side in sides):
        raise ValueError(f'entry {number} of images has the size {_shown(sides[0])} x {_shown(sides[1])}')


def _check_box(number: int, sides: Any) -> None:
    good = isinstance(sides, list) and len(sides) == 4
    for side in sides if good else ():
        good = good and type(side) in (int, float) and -_MAX_COORDINATE <= side <= _MAX_COORDINATE
    if not good:
        raise ValueError(
            f'entry {number} of annotations has the box {_shown(sides)}: x, y, width and height are needed, '
            f'each a number up to {_MAX_COORDINATE:g}; remove the entry, or give it a box'
        )


def _refuse_corners(boxes: Sequence[Mapping[str, Any]], sizes: Mapping[Any, tuple[float, float]]) -> None:
    """Refuse a file whose boxes are x1, y1, x2, y2: all fit their images so, and many do not otherwise."""
    number, leaving, example = 0, 0, None
    for box in boxes:
        size, sides = sizes.get(box['image_id']), box['bbox']
        if size is None:
            continue
        x, y, third, fourth = sides
        if not (x < third <= size[0] + 1 and y < fourth <= size[1] + 1):
            return
        number += 1
        if x + third > size[0] + 1 or y + fourth > size[1] + 1:
            leaving, example = leaving + 1, sides
    if leaving > _CORNERS_SHARE * number:
        raise ValueError(
            f'the boxes are x1, y1, x2, y2 and not x, y, width, height: {leaving} of {number} such as '
            f'{example} would leave their images, and all fit as corners; write width and height'
        )


def _is_text(value: Any) -> bool:
    """Whether a value is a text of Unicode characters: JSON can write halves of some."""
    return isinstance(value, str) and not _HALVES.search(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'
