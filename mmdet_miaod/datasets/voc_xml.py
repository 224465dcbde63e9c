"""PASCAL VOC annotation files: one XML file per image."""

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ..regular_files import read_bytes
from .boxes import BoxAnnotation, sort_objects
from .objects import MARKED, NOT_UNDERSTOOD, FoundObject, rotation_remark, written

# The largest files of real data sets (thousands of objects) have under 2 MB; parsed, a file takes 30 times
# its size.
MAX_FILE_BYTES = 8 << 20

# float32 holds every whole number up to here.
MAX_COORDINATE = 2.0**24

_NUMBER = re.compile(r'[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?')
_MAX_DIGITS = 64
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


def parse_voc_xml(
    path: str | Path, class_to_label: Mapping[str, int], size: tuple[float, float] | None = None
) -> BoxAnnotation:
    """Read one VOC annotation file.

    Args:
        path: XML file of up to ``MAX_FILE_BYTES``, ``<annotation>``, without DTD or entities; namespaces do
            not count.
        class_to_label: label by class name; objects of other names are counted, not returned.
        size: width and height in pixels of the image; None: as the file states.

    Returns:
        The boxes: coordinates minus 1, fractions kept, objects marked difficult among the ignored ones. An
        object with several boxes is several objects. What is left out, and why:
        :func:`~mmdet_miaod.datasets.boxes.sort_objects`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: anything malformed; the message names the file and, where there is one, the object.
    """
    root = _parse_root(Path(path))
    objects: list[FoundObject] = []
    for number, element in enumerate(root.findall('object'), 1):
        try:
            objects += _parse_object(element, number, class_to_label)
        except ValueError as error:
            raise ValueError(f'{path}, object {number}: {error}') from None
    objects += _misplaced_objects(root)
    return sort_objects(objects, size, _image_size(root))


def _parse_root(path: Path) -> Element:
    try:
        data = read_bytes(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: no such annotation file; a labeled image needs one, be it without objects: '
            'put it there, or set data_root, img_prefix or ann_subdir (of data.pool or data.test)'
        ) from None
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise ValueError(f'{path}: DTDs and entities are refused ({error}); remove them') from None
    except (
        ParseError,
        ValueError,
        LookupError,
    ) as error:  # LookupError, ValueError: unknown or odd encodings
        raise ValueError(f'{path}: not well-formed XML ({error}); write the file again') from None
    for element in root.iter():  # '{namespace}object' would be taken for no object
        element.tag = element.tag.rpartition('}')[2]
    if root.tag != 'annotation':
        raise ValueError(f'{path}: is no VOC annotation file: <{root.tag}> stands in place of <annotation>')
    return root


def _parse_object(element: Element, number: int, class_to_label: Mapping[str, int]) -> list[FoundObject]:
    name = (element.findtext('name') or '').strip()
    if not name:
        raise ValueError('no <name>')
    for tag in ('name', 'difficult'):
        if len(found := [child.text for child in element.findall(tag)]) > 1:
            raise ValueError(f'({name}) {len(found)} <{tag}>: {str(found)[:_MAX_DIGITS]}; leave one')
    if (element.findtext('deleted') or '').strip() == '1':  # as LabelMe keeps objects that were deleted
        return [FoundObject(f'object {number} ({name})', name, class_to_label.get(name), left_out=MARKED)]
    boxes = element.findall('bndbox')
    if not boxes:
        others = ', '.join(f'<{child.tag}>' for child in element)
        raise ValueError(f'({name}) no <bndbox>; it has {others}')
    difficult = (element.findtext('difficult') or '').strip() or '0'
    if difficult not in ('0', '1'):
        raise ValueError(f'({name}) <difficult> is {difficult[:_MAX_DIGITS]!r}; expected 0 or 1')
    remark = rotation_remark(_rotations(element))
    found = []
    for k, box in enumerate(boxes, 1):
        corners = tuple(_number(box.findtext(corner), f'({name}) <{corner}>') for corner in _CORNERS)
        what = f'object {number}{f", box {k}" if len(boxes) > 1 else ""} ({name}) {written(corners)}'
        from_zero = tuple(corner - 1 for corner in corners)
        mark = 'difficult' if difficult == '1' else ''
        found.append(FoundObject(what, name, class_to_label.get(name), from_zero, corners, mark, remark))
    return found


def _rotations(element: Element) -> list[str | None]:
    """Every place where annotation tools state that a box is turned."""
    found = [element.findtext(place) for place in ('angle', 'rotation', 'bndbox/angle', 'bndbox/rotation')]
    attributes = element.iterfind('attributes/attribute')
    return found + [entry.findtext('value') for entry in attributes if entry.findtext('name') == 'rotation']


def _misplaced_objects(root: Element) -> list[FoundObject]:
    """Objects that do not stand in ``<annotation>`` itself, or are spelled in another way."""
    return [
        FoundObject(
            f'<{child.tag}> in <{parent.tag}>',
            name='',
            label=None,
            left_out=NOT_UNDERSTOOD,
            remark='is no <object> directly in <annotation>',
        )
        for parent in root.iter()
        for child in parent
        if child.tag.lower() == 'object' and (parent is not root or child.tag != 'object')
    ]


def _number(text: str | None, what: str) -> float:
    text = (text or '').strip()
    if len(text) > _MAX_DIGITS or not _NUMBER.fullmatch(text):
        raise ValueError(f'{what} is {text[:_MAX_DIGITS]!r}; expected a number')
    value = float(text)
    if abs(value) > MAX_COORDINATE:
        raise ValueError(f'{what} is {value:g}; coordinates reach to {MAX_COORDINATE:g}')
    return value


def _image_size(root: Element) -> tuple[float, float] | None:
    """The size that the file states; many tools write none, or zeros."""
    try:
        width, height = (_number(root.findtext(f'size/{side}'), side) for side in ('width', 'height'))
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None
