"""YOLO folders, read only: a text file per image, the class names in ``data.yaml``."""

import math
from collections import Counter
from pathlib import Path

import yaml

from .batch import Batch, BatchImage
from .found import FoundBox, FoundFile, FoundImage, finite_number
from .sources import read_json, read_text

NAME = 'YOLO'
# Coordinates are relative to the image; more than this are pixels.
_MAX_RELATIVE = 2.0


def read_yolo(folder: Path, batch: Batch) -> FoundFile:
    """Read a folder with ``data.yaml`` and ``labels/``.

    An image without a text file was not exported; one with an empty file may be empty or untouched.

    Args:
        folder: to read.
        batch: gives the images' sizes, to which the coordinates are relative.

    Raises:
        ValueError: when it is malformed or an export of Label Studio; file and line are named.
    """
    _refuse_label_studio(folder)
    names = _class_names(folder)
    images, sixth = [], 0
    for path in sorted(folder.rglob('*.txt')):
        # Some tools write the names of the classes there, too.
        if 'labels' not in path.relative_to(folder).parts[:-1] or path.name == 'classes.txt':
            continue
        image = batch.by_name.get(path.stem)
        if image is None:
            images.append(FoundImage(path.stem, None, ()))  # an unknown image, which is told with the others
            continue
        found, columns = _read_labels(path, image, names)
        images.append(found)
        sixth += columns
    if not images:
        raise ValueError(f'{folder}: has no text file in a folder "labels"')
    remarks = (f'the sixth number of {sixth} boxes (a confidence or a track) is not read',) if sixth else ()
    return FoundFile(NAME, tuple(images), remarks=remarks)


def _refuse_label_studio(folder: Path) -> None:
    notes = folder / 'notes.json'
    info = read_json(notes) if notes.is_file() else None
    info = info.get('info') if isinstance(info, dict) else None
    if isinstance(info, dict) and info.get('contributor') == 'Label Studio':
        raise ValueError(
            f"{notes}: is Label Studio's YOLO export, which has an empty file for images without objects and "
            'for images that nobody looked at; export in the format JSON'
        )


def _class_names(folder: Path) -> list[str]:
    found = sorted((*folder.glob('*.yaml'), *folder.glob('*.yml')))
    if len(found) != 1:
        raise ValueError(f'{folder}: has {len(found)} YAML files; data.yaml with the class names is needed')
    try:
        content = yaml.safe_load(read_text(found[0]))
        names = content['names']
        if isinstance(names, dict):
            names = [names[number] for number in range(len(names))]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError('names is no list of texts')
        if len(set(names)) != len(names) or content.get('nc', len(names)) != len(names):
            raise ValueError(f'{names[:20]} are not {content.get("nc", len(names))} different names')
    except (yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError) as error:
        why = ' '.join(str(error).split())
        raise ValueError(f'{found[0]}: class names cannot be read ({type(error).__name__}: {why})') from None
    return names


def _read_labels(path: Path, image: BatchImage, names: list[str]) -> tuple[FoundImage, int]:
    boxes, others, sixth = [], Counter[str](), 0
    for number, line in enumerate(read_text(path).splitlines(), 1):
        columns = line.split()
        if not columns:
            continue
        where = f'{path}, line {number}'
        if len(columns) < 5:
            raise ValueError(f'{where}: has {len(columns)} numbers; class, x, y, width and height are needed')
        name = _class_name(columns[0], names, where)
        if len(columns) > 6:
            others['polygon or rotated box'] += 1
            continue
        sixth += len(columns) == 6
        x, y, width, height = (finite_number(value, f'{where}: a coordinate') for value in columns[1:5])
        if max(map(math.fabs, (x, y, width, height))) > _MAX_RELATIVE:
            raise ValueError(f'{where}: coordinates are relative to the image, 0 to 1; these are pixels')
        edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        sides = (image.width, image.height) * 2
        x1, y1, x2, y2 = (edge * side for edge, side in zip(edges, sides, strict=True))
        boxes.append(FoundBox(name, (x1, y1, x2, y2)))
    return FoundImage(image.file_name, None, tuple(boxes), other_shapes=others), sixth


def _class_name(text: str, names: list[str], where: str) -> str:
    if not text.isascii() or not text.isdigit() or int(text[:9]) >= len(names):
        raise ValueError(f'{where}: class {text[:60]!r} is none of the {len(names)} of data.yaml')
    return names[int(text[:9])]
