"""CVAT for images 1.1: XML with the boxes of all images."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .batch import Batch, Corners
from .found import FoundBox, FoundFile, FoundImage, ReviewState, finite_number

NAME = 'CVAT for images 1.1'
# Tags by which a person says what an image without boxes does not tell.
_TAGS = {'reviewed': ReviewState.REVIEWED, 'skipped': ReviewState.SKIPPED}
_CORNERS = ('xtl', 'ytl', 'xbr', 'ybr')
# In an image besides shapes.
_NO_SHAPES = ('tag', 'attribute')


def write_labels(classes: Sequence[str]) -> str:
    """Return the labels of a task, for CVAT's raw label constructor.

    Raises:
        ValueError: when a class is called like one of the tags.
    """
    if taken := set(classes) & _TAGS.keys():
        raise ValueError(f'CVAT: {sorted(taken)} are tags of the task; call the classes otherwise')
    score = dict(name='score', input_type='text', mutable=False, values=[''])
    labels: list[dict[str, Any]] = [dict(name=name, type='rectangle', attributes=[score]) for name in classes]
    labels += [dict(name=name, type='tag', attributes=[]) for name in _TAGS]
    return json.dumps(labels, indent=1) + '\n'


def write_annotations(batch: Batch) -> bytes:
    """Return the images and proposed boxes of a batch as XML.

    An image needs its name and its number in the task: to a name that it does not know CVAT takes the image
    of that number.
    """
    root = Element('annotations')
    SubElement(root, 'version').text = '1.1'
    for number, image in enumerate(batch.images):
        size = dict(width=str(image.width), height=str(image.height))
        entry = SubElement(root, 'image', id=str(number), name=image.file_name, **size)
        for box in image.boxes:
            corners = {key: f'{value:.2f}' for key, value in zip(_CORNERS, box.corners, strict=True)}
            element = SubElement(
                entry, 'box', label=box.name, source='file', occluded='0', **corners, z_order='0'
            )
            SubElement(element, 'attribute', name='score').text = f'{box.score:.4f}'
    indent(root, ' ')
    return tostring(root, encoding='utf-8', xml_declaration=True) + b'\n'


def read_annotations(root: Element) -> FoundFile:
    """Read an export of a task, a job or a project.

    Raises:
        ValueError: when it is of videos or malformed; the image is named.
    """
    if root.tag != 'annotations':
        raise ValueError(f'<{root.tag}> stands in place of <annotations>: export in the format {NAME}')
    if root.find('track') is not None:
        raise ValueError(f'has tracks: it is of a video; export in the format {NAME}')
    images = tuple(_read_image(element) for element in root.findall('image'))
    return FoundFile(NAME, images, _partial(root, len(images)))


def mark_reviewed(root: Element, frames: Collection[int]) -> None:
    """Tag the images of some frames as reviewed, unless they have one of the tags."""
    for image in root.findall('image'):
        tags = {tag.get('label', '').lower() for tag in image.findall('tag')}
        if image.get('id', '').isdecimal() and int(image.get('id')) in frames and not tags & _TAGS.keys():
            SubElement(image, 'tag', label='reviewed', source='job')


def _partial(root: Element, images: int) -> str:
    """Tell by what CVAT says about the export whether it is a part of its task."""
    size = root.findtext('meta/task/size') or root.findtext('meta/job/size')
    if size is not None and size.strip() != str(images):
        return f'it has {images} images of {size.strip()[:20]}'
    if root.find('meta/job') is not None:
        first, last = (
            root.findtext(f'meta/job/{key}', '?').strip()[:20] for key in ('start_frame', 'stop_frame')
        )
        return f'it is of one job of the task, frames {first} to {last}'
    return ''


def _read_image(element: Element) -> FoundImage:
    name = element.get('name', '')
    if not name:
        raise ValueError(f'image {element.get("id", "?")[:20]} has no name')
    where = f'image {name}'
    size = None
    if 'width' in element.attrib or 'height' in element.attrib:
        sides = [finite_number(element.get(side), f'{where}: {side}') for side in ('width', 'height')]
        size = sides[0], sides[1]
    boxes, others, states = [], Counter[str](), []
    for shape in element:
        if shape.tag == 'tag':
            states.append(_TAGS.get(shape.get('label', '').lower()))
        elif shape.tag == 'box' and not finite_number(shape.get('rotation', 0), f'{where}: rotation') % 360:
            boxes.append(FoundBox(_label(shape, where), _corners(shape, where)))
        elif shape.tag not in _NO_SHAPES:
            others['rotated box' if shape.tag == 'box' else shape.tag] += 1
    said = {state for state in states if state is not None}
    if len(said) > 1:
        raise ValueError(f'{where} has both tags, {sorted(_TAGS)}: take one away')
    return FoundImage(name, size, tuple(boxes), said.pop() if said else None, other_shapes=others)


def _label(shape: Element, where: str) -> str:
    label = shape.get('label')
    if not label:
        raise ValueError(f'{where}: a box has no label')
    return label


def _corners(shape: Element, where: str) -> Corners:
    x1, y1, x2, y2 = (finite_number(shape.get(key), f'{where}: {key} of a box') for key in _CORNERS)
    return x1, y1, x2, y2
