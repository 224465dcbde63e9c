"""PASCAL VOC annotation files: one XML file per image."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from .labeled import BoxAnnotation

# The largest files of real data sets (thousands of objects) have under 2 MB; parsed, a file takes 30 times
# its size.
MAX_FILE_BYTES = 8 << 20

# float32 holds every whole number up to here.
MAX_COORDINATE = 2.0**24

# How `BoxAnnotation.problems` names what is wrong with a box.
NO_AREA = 'has no area'
INVERTED = 'is inverted'

_NUMBER = re.compile(r'[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?')
_MAX_DIGITS = 64
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


def parse_voc_xml(path: str | Path, class_to_label: Mapping[str, int]) -> BoxAnnotation:
    """Read one VOC annotation file.

    Args:
        path: XML file of up to ``MAX_FILE_BYTES``, ``<annotation>``, without DTD or entities; namespaces do
            not count.
        class_to_label: label by class name; objects of other names are counted, not returned.

    Returns:
        The boxes: coordinates minus 1, fractions kept, objects marked difficult among the ignored ones. Boxes
        without area are left out, boxes that leave the image are not; both are reported.

    Raises:
        FileNotFoundError: no such file.
        ValueError: anything malformed; the message names the file and, where there is one, the object.
    """
    root = _parse_root(Path(path))
    size = _image_size(root)
    objects: list[tuple[list[float], int, bool]] = []
    unknown: Counter[str] = Counter()
    problems = []
    for number, element in enumerate(root.findall('object'), 1):
        try:
            name, corners, difficult = _parse_object(element)
        except ValueError as error:
            raise ValueError(f'{path}, object {number}: {error}') from None
        if name not in class_to_label:
            unknown[name] += 1
            continue
        what = f'object {number} ({name}) [{", ".join(f"{corner:g}" for corner in corners)}]'
        if corners[2] <= corners[0] or corners[3] <= corners[1]:
            inverted = corners[2] < corners[0] or corners[3] < corners[1]
            problems.append(f'{what} {f"{INVERTED} and " if inverted else ""}{NO_AREA}; left out')
            continue
        if size and (min(corners[:2]) < 0 or corners[2] > size[0] or corners[3] > size[1]):
            problems.append(f'{what} leaves the image of {size[0]:g} x {size[1]:g}; kept')
        objects.append(([corner - 1 for corner in corners], class_to_label[name], difficult))
    return BoxAnnotation.from_objects(objects, unknown, problems)


def _parse_root(path: Path) -> Element:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: no such annotation file; a labeled image needs one, be it without objects: '
            'put it there, or set data_root, img_prefix or ann_subdir (of data.pool or data.test)'
        ) from None
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
        raise ValueError(
            f'{path}: not a file of up to {MAX_FILE_BYTES} bytes; expected a VOC annotation file'
        )
    with path.open('rb') as file:
        data = file.read(MAX_FILE_BYTES)
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


def _parse_object(element: Element) -> tuple[str, list[float], bool]:
    name = (element.findtext('name') or '').strip()
    if not name:
        raise ValueError('no <name>')
    box = element.find('bndbox')
    if box is None:
        raise ValueError(f'({name}) no <bndbox>')
    corners = [_number(box.findtext(corner), f'({name}) <{corner}>') for corner in _CORNERS]
    difficult = (element.findtext('difficult') or '').strip() or '0'
    if difficult not in ('0', '1'):
        raise ValueError(f'({name}) <difficult> is {difficult[:_MAX_DIGITS]!r}; expected 0 or 1')
    return name, corners, difficult == '1'


def _number(text: str | None, what: str) -> float:
    text = (text or '').strip()
    if len(text) > _MAX_DIGITS or not _NUMBER.fullmatch(text):
        raise ValueError(f'{what} is {text[:_MAX_DIGITS]!r}; expected a number')
    value = float(text)
    if abs(value) > MAX_COORDINATE:
        raise ValueError(f'{what} is {value:g}; coordinates reach to {MAX_COORDINATE:g}')
    return value


def _image_size(root: Element) -> tuple[float, float] | None:
    """The size that the file states, for reports only; many tools write none, or zeros."""
    try:
        width, height = (_number(root.findtext(f'size/{side}'), side) for side in ('width', 'height'))
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None
