"""Annotation files of any format: recognised by their content and read."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .batch import Batch
from .coco_json import read_coco
from .cvat import read_annotations
from .found import FoundFile
from .label_page import FORMAT, read_page
from .label_studio import read_tasks
from .sources import read_json, read_xml, unpacked
from .voc_folder import read_voc
from .yolo import read_yolo

_KNOWN = (
    'Label Studio JSON, CVAT for images 1.1 (.xml or .zip), COCO (.json or .zip), or a folder or .zip of '
    'YOLO (data.yaml, labels/) or PASCAL VOC'
)


def read_annotation_file(path: str | Path, batch: Batch, first_pixel: int | None = None) -> FoundFile:
    """Read what an annotation tool exported.

    Args:
        path: a file, a folder or a zip archive.
        batch: that the file is for.
        first_pixel: see :func:`~mmdet_miaod.annotation.voc_folder.read_voc`.

    Raises:
        FileNotFoundError: when there is nothing.
        ValueError: when it is of no known format, malformed, too large or dangerous; the file is named.
    """
    with unpacked(Path(path)) as source:
        if source.is_dir():
            return _read_folder(source, batch, first_pixel)
        return _read_file(source)


def _read_file(path: Path) -> FoundFile:
    suffix = path.suffix.lower()
    if suffix == '.json':
        return _named(path, lambda: _read_json(read_json(path)))
    if suffix == '.xml':
        return _named(path, lambda: read_annotations(read_xml(path)))
    raise ValueError(f'{path}: is of no format that is read: {_KNOWN}')


def _named(path: Path, read: Callable[[], FoundFile]) -> FoundFile:
    try:
        return read()
    except ValueError as error:
        message = str(error)
        raise ValueError(message if str(path) in message else f'{path}: {message}') from None


def _read_json(content: Any) -> FoundFile:
    if isinstance(content, Mapping) and str(content.get('format')).startswith(FORMAT[:-1]):
        return read_page(content)
    if isinstance(content, Mapping) and {'images', 'categories', 'annotations'} & content.keys():
        return read_coco(content)
    rows = content if isinstance(content, list) else []
    if rows and all(isinstance(row, Mapping) and 'image_id' in row for row in rows):
        raise ValueError("is a list of COCO's detections; the file with images and categories is needed")
    return read_tasks(content)


def _read_folder(folder: Path, batch: Batch, first_pixel: int | None) -> FoundFile:
    at_top = [path for path in sorted(folder.iterdir()) if not path.name.startswith('.')]
    yolo = [path for path in at_top if path.suffix.lower() in ('.yaml', '.yml') or path.name == 'notes.json']
    if yolo:
        return read_yolo(folder, batch)
    inside = sorted(folder.glob('annotations/*'))
    files = [path for path in inside if path.suffix.lower() == '.json']
    files = files or [path for path in at_top if path.suffix.lower() == '.json']
    xml = [path for path in sorted(folder.rglob('*')) if path.suffix.lower() == '.xml']
    if xml and read_xml(xml[0]).tag == 'annotations':
        files += xml
    if len(files) > 1:
        names = [path.relative_to(folder).as_posix() for path in files]
        raise ValueError(
            f'{folder}: has {len(files)} annotation files, such as {names[:2]}: give one of them'
        )
    if files:
        return _read_file(files[0])
    if xml:
        return read_voc(folder, batch, first_pixel)
    if (folder / 'obj.names').is_file():
        raise ValueError(f"{folder}: is CVAT's YOLO 1.1; export in one of its Ultralytics YOLO formats")
    raise ValueError(f'{folder}: has nothing that is read: {_KNOWN}')
