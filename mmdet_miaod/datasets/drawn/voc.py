"""Drawn data sets in VOC's format: small, varied, and the same bytes from the same seed.

They are written to a temporary folder, which is renamed; nothing is done where the same drawing is already.
"""

import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from mmdet.datasets import VOCDataset

from ...regular_files import read_text
from .scene import OBJECT_RADIUS, DrawnObject, SceneStyle, draw_scene
from .shapes import shape_of

DEMO_CLASSES = ('disc', 'square', 'triangle', 'star', 'ring', 'cross')
_VERSION = 1  # of the drawing: raise it when the same parameters give other images
_STAMP = 'drawn.json'
_RARITY = 0.68  # how much rarer each class is than the one before it
_NUM_OBJECTS = (1, 1, 2, 2, 2, 3, 3, 4, 5)
_VOC_SIZES = ((250, 188), (188, 250), (250, 167), (167, 250), (250, 250), (240, 180), (200, 150))


@dataclass(frozen=True)
class _DrawnList:
    """An image list of a VOC year, and how its images are named."""

    year: str
    name: str
    count: int
    prefix: str = ''


def draw_voc(
    root: str | Path,
    num_train: int = 120,
    num_test: int = 60,
    classes: Sequence[str] = DEMO_CLASSES,
    *,
    seed: int = 0,
    image_size: tuple[int, int] = (192, 144),
    empty_fraction: float = 0.08,
    hard_fraction: float = 0.25,
    radius: tuple[float, float] = OBJECT_RADIUS,
) -> Path:
    """Draw a VOC2007 folder: ``root/VOC2007`` with lists trainval and test.

    Textured backgrounds, shapes of several classes that overlap; later classes are rarer; some images have
    no object, some are hard to read (faint, blurred, noisy, dark, tiny objects marked difficult).

    Args:
        root: new or empty folder.
        num_train, num_test: numbers of images of the lists trainval and test.
        classes: class names, the most frequent first; those of ``OUTLINES`` are drawn as what they say.
        seed: every image is a function of it and of the other parameters.
        image_size: width and height in pixels.
        empty_fraction: fraction of images without objects.
        hard_fraction: fraction of images that are hard to read.
        radius: least and largest half width of the objects, as fractions of the image's shorter side.

    Returns:
        ``root``.

    Raises:
        FileExistsError: ``root`` holds something else.
        ValueError: no image, more classes than shapes, or impossible radii.
    """
    style = dict(classes=_checked_classes(classes), seed=seed, image_size=list(image_size))
    style |= dict(empty_fraction=empty_fraction, hard_fraction=hard_fraction, radius=list(radius))
    return _draw_demo(Path(root), num_train, num_test, style)


def _draw_demo(root: Path, num_train: int, num_test: int, style: dict[str, Any]) -> Path:
    _check_counts(num_train, num_test)
    least, most = style['radius']
    if not 0 < least <= most < 0.5:
        raise ValueError(f'radius {(least, most)}: expected two ascending fractions below 0.5')
    stamp = dict(drawing='voc', version=_VERSION, num_train=num_train, num_test=num_test, **style)
    lists = (_DrawnList('VOC2007', 'trainval', num_train), _DrawnList('VOC2007', 'test', num_test))
    styles, seeds = partial(_demo_styles, style), [style['seed']]
    return _draw_once(root, stamp, lambda folder: _draw_lists(folder, lists, styles, seeds))


def _demo_styles(style: dict[str, Any], random: np.random.RandomState, count: int) -> list[SceneStyle]:
    classes, size, radius = (tuple(style[name]) for name in ('classes', 'image_size', 'radius'))
    labels = _choose_labels(random, count, len(classes), style['empty_fraction'])
    hard = random.permutation(count) < round(style['hard_fraction'] * count)
    return [
        SceneStyle(classes, size, chosen, hard=bool(is_hard), radius=radius)
        for chosen, is_hard in zip(labels, hard, strict=True)
    ]


def draw_voc0712(
    root: str | Path,
    num_trainval07: int = 12,
    num_test07: int = 8,
    num_trainval12: int = 16,
    *,
    seed: int = 0,
) -> Path:
    """Draw a stand-in for VOC2007 and VOC2012 with all 20 class names, in landscape and portrait.

    ``root/VOC2007`` has lists trainval and test, ``root/VOC2012`` trainval: what
    ``configs/_base_/voc0712.py`` reads.

    Args:
        root: new or empty folder.
        num_trainval07, num_test07: numbers of images of VOC2007 trainval and test.
        num_trainval12: number of images of VOC2012 trainval.
        seed: as for :func:`draw_voc`.

    Returns ``root``.

    Raises:
        FileExistsError: ``root`` holds something else. ValueError: no image.
    """
    counts = [num_trainval07, num_test07, num_trainval12]
    _check_counts(*counts)
    stamp = dict(drawing='voc0712', version=_VERSION, counts=counts, seed=seed)

    def styles(random: np.random.RandomState, count: int) -> list[SceneStyle]:
        labels = _choose_labels(random, count, len(VOCDataset.CLASSES), empty_fraction=0.0)
        return [
            SceneStyle(VOCDataset.CLASSES, _VOC_SIZES[i % len(_VOC_SIZES)], chosen, hard=i % 4 == 3)
            for i, chosen in enumerate(labels)
        ]

    lists = [_DrawnList('VOC2007', 'trainval', num_trainval07), _DrawnList('VOC2007', 'test', num_test07)]
    lists.append(_DrawnList('VOC2012', 'trainval', num_trainval12, prefix='2008_'))
    return _draw_once(Path(root), stamp, lambda folder: _draw_lists(folder, lists, styles, [seed, 20]))


def _choose_labels(
    random: np.random.RandomState, num_images: int, num_classes: int, empty_fraction: float
) -> list[list[int]]:
    """Labels of each image: early classes are frequent, but every class is somewhere."""
    frequency = _RARITY ** np.arange(num_classes)
    order = random.permutation(num_images)
    filled = order[: num_images - int(empty_fraction * num_images)]
    labels: list[list[int]] = [[] for _ in range(num_images)]
    for i in filled:
        count = _NUM_OBJECTS[random.randint(len(_NUM_OBJECTS))]
        labels[i] = random.choice(num_classes, count, p=frequency / frequency.sum()).tolist()
    for label in range(num_classes if len(filled) else 0):
        labels[filled[label % len(filled)]].insert(0, label)
    return labels


def _draw_lists(
    folder: Path,
    lists: Sequence[_DrawnList],
    styles: Callable[[np.random.RandomState, int], list[SceneStyle]],
    seeds: list[int],
) -> None:
    """Draw the images of all lists, numbered through; ``styles`` says how those of one list are to look."""
    first = 1
    for part, entry in enumerate(lists):
        names = [f'{entry.prefix}{number:06d}' for number in range(first, first + entry.count)]
        part_seeds = [*seeds, part]
        chosen = styles(np.random.RandomState(part_seeds), entry.count)
        _draw_images(folder / entry.year, names, chosen, part_seeds)
        path = folder / entry.year / 'ImageSets' / 'Main' / f'{entry.name}.txt'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(''.join(f'{name}\n' for name in names), encoding='utf-8')
        first += entry.count


def _draw_images(folder: Path, names: list[str], styles: list[SceneStyle], seeds: list[int]) -> None:
    images, annotations = folder / 'JPEGImages', folder / 'Annotations'
    images.mkdir(parents=True, exist_ok=True)
    annotations.mkdir(exist_ok=True)
    for i, (name, style) in enumerate(zip(names, styles, strict=True)):
        image, objects = draw_scene(np.random.RandomState([*seeds, 1 + i]), style)
        image.save(images / f'{name}.jpg', quality=92)
        xml = _annotation_xml(images / f'{name}.jpg', image.size, objects, style.classes)
        (annotations / f'{name}.xml').write_text(xml, encoding='utf-8')


def _annotation_xml(
    image: Path, size: tuple[int, int], objects: Sequence[DrawnObject], classes: Sequence[str]
) -> str:
    lines = [
        '<annotation>',
        f'  <folder>{image.parent.parent.name}</folder>',
        f'  <filename>{image.name}</filename>',
        f'  <size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>',
        '  <segmented>0</segmented>',
    ]
    for drawn in objects:
        # VOC counts pixels from 1.
        corners = zip(('xmin', 'ymin', 'xmax', 'ymax'), drawn.box, strict=True)
        lines += [
            '  <object>',
            f'    <name>{escape(classes[drawn.label])}</name>',
            '    <pose>Unspecified</pose>',
            f'    <truncated>{int(drawn.truncated)}</truncated>',
            f'    <occluded>{int(drawn.occluded)}</occluded>',
            f'    <difficult>{int(drawn.difficult)}</difficult>',
            '    <bndbox>' + ''.join(f'<{key}>{edge + 1}</{key}>' for key, edge in corners) + '</bndbox>',
            '  </object>',
        ]
    return '\n'.join([*lines, '</annotation>', ''])


def _draw_once(root: Path, stamp: dict, draw: Callable[[Path], None]) -> Path:
    """Draw into a temporary folder and rename it, unless the same drawing is there."""
    if _is_drawn(root, stamp):
        return root
    temporary = root.parent / f'.{root.name}.drawing-{secrets.token_hex(8)}'  # nobody's but this call's
    temporary.mkdir(parents=True)
    try:
        draw(temporary)
        (temporary / _STAMP).write_text(json.dumps(stamp, indent=2) + '\n', encoding='utf-8')
        try:
            temporary.rename(root)
        except OSError:
            if not _is_drawn(root, stamp):  # else another process was faster
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return root


def _is_drawn(root: Path, stamp: dict) -> bool:
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        found = json.loads(read_text(root / _STAMP))
    except (OSError, ValueError):
        found = None
    if found != stamp:
        what = 'another drawing' if found else 'something that was not drawn here'
        raise FileExistsError(f'{root}: holds {what}; choose another folder, or remove this one')
    return True


def _checked_classes(classes: Sequence[str]) -> list[str]:
    classes = tuple(classes)
    if not classes or len(set(classes)) != len(classes):
        raise ValueError(f'classes {classes}: expected different names')
    for label in range(len(classes)):
        shape_of(classes, label)
    return list(classes)


def _check_counts(*counts: int) -> None:
    if min(counts) < 1:
        raise ValueError(f'image counts {counts}: every list needs at least one image')
