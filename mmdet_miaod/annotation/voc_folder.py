"""PASCAL VOC folders, read only: an XML file per image."""

from pathlib import Path
from xml.etree.ElementTree import Element

from .batch import Batch
from .found import FoundBox, FoundFile, FoundImage, base_name, finite_number
from .sources import read_xml

NAME = 'PASCAL VOC'
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


def read_voc(folder: Path, batch: Batch, first_pixel: int | None) -> FoundFile:
    """Read all XML files below a folder.

    Args:
        folder: to read.
        batch: its images are looked up by the names of the files.
        first_pixel: the coordinate of an image's first pixel, 0 or 1, in which the tools differ.

    Raises:
        ValueError: when ``first_pixel`` is not given, or a file is malformed or Label Studio's.
    """
    if first_pixel is None:
        raise ValueError(
            f'{folder}: VOC files count pixels from 0 (CVAT, Datumaro) or from 1 (labelImg, PASCAL '
            'VOC itself): say which with --first-pixel'
        )
    files = sorted(folder.rglob('*.xml'))
    return FoundFile(NAME, tuple(_read_file(path, batch, first_pixel) for path in files))


def _read_file(path: Path, batch: Batch, first_pixel: int) -> FoundImage:
    root = read_xml(path)
    if root.tag != 'annotation':
        raise ValueError(f'{path}: is no VOC annotation file: <{root.tag}> stands in place of <annotation>')
    if _text(root, 'owner/name') == 'Label Studio':
        raise ValueError(
            f"{path}: is Label Studio's VOC export, which has no files for images without objects and whole "
            'pixels only; export in the format JSON'
        )
    name = base_name(_text(root, 'filename')) or path.stem
    image, named = batch.by_name.get(path.stem), batch.by_name.get(name)
    if image is not None and named is not None and image != named:
        raise ValueError(f'{path}: its <filename> is that of another image, {name}')
    boxes = tuple(
        _read_object(element, first_pixel, f'{path}, object {number}')
        for number, element in enumerate(root.findall('object'), 1)
    )
    found = image or named
    return FoundImage(name if found is None else found.file_name, _size(root, path), boxes)


def _size(root: Element, path: Path) -> tuple[float, float] | None:
    if root.find('size') is None:
        return None
    width, height = (
        finite_number(_text(root, f'size/{side}'), f'{path}: {side}') for side in ('width', 'height')
    )
    return (width, height) if width and height else None  # some tools write zeros for "not known"


def _read_object(element: Element, first_pixel: int, where: str) -> FoundBox:
    name, found = _text(element, 'name'), element.findall('bndbox')
    if not name or len(found) != 1:
        raise ValueError(f'{where}: needs a <name> and one <bndbox>')
    x1, y1, x2, y2 = (finite_number(_text(found[0], key), f'{where}: {key}') for key in _CORNERS)
    if first_pixel and min(x1, y1) == 0:
        raise ValueError(f'{where}: begins at 0, so pixels are not counted from 1: use --first-pixel 0')
    corners = (x1 - first_pixel, y1 - first_pixel, x2 - first_pixel, y2 - first_pixel)
    return FoundBox(name, corners, _text(element, 'difficult').lower() in ('1', 'true'))


def _text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or '').strip()
