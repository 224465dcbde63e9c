"""COCO's JSON: images, categories and boxes in one file."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from .batch import Batch
from .found import FoundBox, FoundFile, FoundImage, ReviewState, base_name, finite_number

NAME = 'COCO'


def write_coco(batch: Batch) -> str:
    """Return the images, classes and proposed boxes of a batch as JSON."""
    categories = {name: number for number, name in enumerate(batch.classes, 1)}
    images, annotations = [], []
    for number, image in enumerate(batch.images, 1):
        size = dict(width=image.width, height=image.height)
        entry = dict(
            id=number, file_name=image.file_name, **size, uid=image.uid, acquisition=image.acquisition
        )
        images.append(entry)
        for box in image.boxes:
            x1, y1, x2, y2 = box.corners
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=number,
                    category_id=categories[box.name],
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    area=(x2 - x1) * (y2 - y1),
                    iscrowd=0,
                    segmentation=[],
                    score=box.score,
                )
            )
    content = dict(
        images=images,
        annotations=annotations,
        categories=[dict(id=number, name=name) for name, number in categories.items()],
    )
    return json.dumps(content, indent=1) + '\n'


def read_coco(content: Any) -> FoundFile:
    """Read a COCO annotation file.

    An image without boxes is reviewed where it has ``"reviewed": true``, or is in the file's list
    ``reviewed``; else the file does not tell.

    Raises:
        ValueError: when it is malformed, or an export of Label Studio; the image is named.
    """
    parts = [content.get(key) for key in ('images', 'categories', 'annotations')]
    if not all(isinstance(part, list) and all(isinstance(row, Mapping) for row in part) for part in parts):
        raise ValueError(
            'is not in the format of COCO: lists of images, categories and annotations are needed'
        )
    info = content.get('info')
    if isinstance(info, Mapping) and info.get('contributor') == 'Label Studio':
        raise ValueError(
            "is Label Studio's COCO export, in which images without objects and images that nobody looked at "
            'are the same; export in the format JSON'
        )
    images, categories, annotations = parts
    names = {_key(row, 'id', 'a category'): _name(row, 'name', 'a category') for row in categories}
    by_image: dict[Any, list[Mapping[str, Any]]] = {_key(row, 'id', 'an image'): [] for row in images}
    if len(names) != len(categories) or len(by_image) != len(images):
        raise ValueError('the id of a category or an image is there twice')
    for row in annotations:
        image = _key(row, 'image_id', 'an annotation')
        if image not in by_image:
            raise ValueError(f'an annotation is of image {image!r}, which is not in the file')
        by_image[image].append(row)
    reviewed = content.get('reviewed', [])
    if not isinstance(reviewed, list):
        raise ValueError('"reviewed" is no list of file names')
    listed = {base_name(str(name)) for name in reviewed}
    if unknown := listed - {base_name(_name(row, 'file_name', 'an image')) for row in images}:
        raise ValueError(f'"reviewed" names images that are not in the file, such as {sorted(unknown)[:5]}')
    return FoundFile(NAME, tuple(_read_image(row, by_image[row['id']], names, listed) for row in images))


def _key(row: Mapping[str, Any], key: str, what: str) -> int | str:
    value = row.get(key)
    if type(value) not in (int, str):
        raise ValueError(f'{key} of {what} is {str(value)[:60]!r}')
    return value


def _name(row: Mapping[str, Any], key: str, what: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f'{key} of {what} is {str(value)[:60]!r}')
    return value


def _read_image(
    row: Mapping[str, Any], annotations: list[Mapping[str, Any]], names: Mapping[Any, str], listed: set[str]
) -> FoundImage:
    name = _name(row, 'file_name', 'an image')
    size = tuple(finite_number(row.get(side), f'image {name}: {side}') for side in ('width', 'height'))
    boxes, others = [], Counter[str]()
    for entry in annotations:
        category = _key(entry, 'category_id', f'a box of image {name}')
        if category not in names:
            raise ValueError(f'image {name}: category {category!r} is not in the file')
        shape, crowd = entry.get('segmentation'), _flag(entry, 'iscrowd', name)
        if 'bbox' not in entry or _is_rotated(entry, name):
            others['rotated box' if 'bbox' in entry else 'annotation without box'] += 1
            continue
        box = _read_box(name, names[category], entry['bbox'], crowd)
        if shape and not crowd and not _is_outline(shape, box):
            others['polygon or mask'] += 1
        else:
            boxes.append(box)
    uid, said = row.get('uid'), _flag(row, 'reviewed', name)
    if uid is not None and str(uid) != base_name(name).partition('.')[0]:
        raise ValueError(f'image {name} has the uid {uid!r}: they belong together')
    if base_name(name) in listed:
        said = True
    state = {True: ReviewState.REVIEWED, False: ReviewState.UNTOUCHED, None: None}[said]
    return FoundImage(name, (size[0], size[1]), tuple(boxes), state, other_shapes=others)


def _flag(row: Mapping[str, Any], key: str, name: str) -> bool | None:
    value = row.get(key)
    if value is not None and value not in (True, False):  # 0 and 1 are equal to them
        raise ValueError(f'image {name}: {key} is {str(value)[:60]!r}; true or false is needed')
    return value if value is None else bool(value)


def _is_rotated(entry: Mapping[str, Any], name: str) -> bool:
    """Tell whether CVAT says that the box is turned."""
    attributes = entry.get('attributes')
    angle = attributes.get('rotation', 0) if isinstance(attributes, Mapping) else 0
    return bool(finite_number(angle, f'image {name}: rotation of a box') % 360)


def _read_box(name: str, category: str, bbox: Any, crowd: bool) -> FoundBox:
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise ValueError(f'image {name}: the box {str(bbox)[:60]!r} is not x, y, width and height')
    x, y, width, height = (finite_number(value, f'image {name}: a side of a box') for value in bbox)
    return FoundBox(category, (x, y, x + width, y + height), crowd)


def _is_outline(shape: Any, box: FoundBox) -> bool:
    """Tell whether a polygon is the box itself, as some tools write it."""
    if not isinstance(shape, list) or len(shape) != 1 or not isinstance(shape[0], list) or len(shape[0]) != 8:
        return False
    x1, y1, x2, y2 = box.corners
    try:
        points = [float(value) for value in shape[0]]
    except (TypeError, ValueError):
        return False
    corners = {
        (abs(x - x1) < abs(x - x2), abs(y - y1) < abs(y - y2))
        for x, y in zip(points[::2], points[1::2], strict=True)
        if min(abs(x - x1), abs(x - x2)) < 0.01 and min(abs(y - y1), abs(y - y2)) < 0.01
    }
    return len(corners) == 4
