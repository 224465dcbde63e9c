"""One drawn image: a background, shapes that overlap, and what makes some images hard to read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .shapes import shape_mask, shape_of
from .textures import PATTERNS, muted_color, near_color, paint, vivid_colors

_HARDSHIPS = ('faint', 'blurred', 'noisy', 'dark', 'tiny')
_LEAST_VISIBLE = 0.45  # no object is covered further by one that is drawn later
_USUAL_COLOR = 0.8  # of the objects of a class have its hue, the others any
OBJECT_RADIUS = (0.1, 0.28)  # of an object, as fractions of the image's shorter side
_TINY_RADIUS = (0.035, 0.06)
_TRIES = 12  # placements tried before an object is given up


@dataclass(frozen=True)
class DrawnObject:
    """An object as VOC annotates it.

    Attributes:
        label: entry in the scene's classes.
        box: first column, first row, last column and last row of its visible pixels, from 0.
        truncated: the image's border cuts it.
        occluded: objects that are drawn later hide more than a twentieth of it.
        difficult: tiny.
    """

    label: int
    box: tuple[int, int, int, int]
    truncated: bool
    occluded: bool
    difficult: bool


@dataclass(frozen=True)
class SceneStyle:
    """Look of an image.

    Attributes:
        classes: class names; label k is drawn as ``shape_of(classes, k)``.
        size: width and height in pixels.
        labels: labels of the objects, in drawing order.
        hard: whether the image is made hard to read in one of several ways.
        radius: least and largest radius of the objects, as fractions of the image's shorter side.
    """

    classes: tuple[str, ...]
    size: tuple[int, int]
    labels: Sequence[int]
    hard: bool
    radius: tuple[float, float] = OBJECT_RADIUS


def draw_scene(random: np.random.RandomState, style: SceneStyle) -> tuple[Image.Image, list[DrawnObject]]:
    """Draw one image.

    Args:
        random: generator; the image is a function of its state and the style.
        style: what to draw.

    Returns:
        RGB image and its objects. Objects for which no place is found are left out.
    """
    hardship = _HARDSHIPS[random.randint(len(_HARDSHIPS))] if style.hard else ''
    pixels = _background(random, style.size)
    radius = _TINY_RADIUS if hardship == 'tiny' else style.radius
    owner = np.full(style.size[::-1], -1)
    placed: list[_Placed] = []
    for label in style.labels:
        shape = shape_of(style.classes, label)
        found = _place(random, shape, owner=owner, placed=placed, radius_range=radius)
        if found is None:
            continue
        mask, cut = found
        usual = random.uniform() < _USUAL_COLOR
        hue = label / len(style.classes) if usual else random.uniform()
        pixels = _fill(random, pixels, mask, hue=hue, opacity=0.35 if hardship == 'faint' else 1.0)
        owner[mask > 0.5] = len(placed)
        placed.append(_Placed(label, int((mask > 0.5).sum()), cut))
    image = _finish(random, pixels, hardship)
    objects = [_object(owner == k, entry, style.size) for k, entry in enumerate(placed)]
    return image, objects


@dataclass(frozen=True)
class _Placed:
    label: int
    area: int
    truncated: bool


def _background(random: np.random.RandomState, size: tuple[int, int]) -> np.ndarray:
    kind = list(PATTERNS)[random.randint(len(PATTERNS))]
    first = muted_color(random)
    second = near_color(random, first, random.uniform(20, 80))
    pixels = paint(random, kind, size, (first, second))
    if random.uniform() < 0.5:
        pixels = _add_clutter(random, pixels, size)
    return pixels + random.normal(0, random.uniform(1, 6), pixels.shape).astype(np.float32)


def _add_clutter(random: np.random.RandomState, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Lines and specks, which are no objects."""
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).resize((2 * size[0], 2 * size[1]))
    draw = ImageDraw.Draw(image)
    for _ in range(random.randint(2, 7)):
        color = tuple(int(channel) for channel in muted_color(random))
        ends = [float(x) for x in random.uniform(0, 2, 4) * (*size, *size)]
        if random.uniform() < 0.6:
            draw.line(ends, fill=color, width=int(random.randint(2, 7)))
        else:
            radius = random.uniform(2, 5)
            draw.ellipse((ends[0] - radius, ends[1] - radius, ends[0] + radius, ends[1] + radius), fill=color)
    return np.asarray(image.resize(size, Image.Resampling.BOX), np.float32)


def _place(
    random: np.random.RandomState,
    shape: str,
    *,
    owner: np.ndarray,
    placed: list[_Placed],
    radius_range: tuple[float, float],
) -> tuple[np.ndarray, bool] | None:
    """Find a place where earlier objects stay visible: the mask, and whether the border cuts it.

    Args:
        random: generator.
        shape: name in ``OUTLINES``.
        owner: ``(height, width)`` int, the entry in ``placed`` that each pixel shows; -1: background.
        placed: the earlier objects.
        radius_range: least and largest radius, as fractions of the image's shorter side.

    Returns:
        Mask ``(height, width)`` float32 in 0..1 and whether it is cut; None if no place was found.
    """
    size = owner.shape[::-1]
    visible = np.array([(owner == k).sum() for k in range(len(placed))])
    for _ in range(_TRIES):
        radius = min(size) * np.exp(random.uniform(*np.log(radius_range)))
        center = [random.uniform(0.4 * radius, side - 0.4 * radius) for side in size]
        stretch = random.uniform(0.8, 1.25)
        turn = random.uniform(-25, 25)
        radii = (radius * stretch, radius / stretch)
        mask = shape_mask(shape, center=tuple(center), radius=radii, turn=turn, size=size)
        solid = mask > 0.5
        covered = np.array([(solid & (owner == k)).sum() for k in range(len(placed))])
        areas = np.array([entry.area for entry in placed])
        if solid.sum() >= 12 and (visible - covered >= _LEAST_VISIBLE * areas).all():
            border = np.concatenate([solid[0], solid[-1], solid[:, 0], solid[:, -1]])
            return mask, bool(border.any())
    return None


def _fill(
    random: np.random.RandomState, pixels: np.ndarray, mask: np.ndarray, *, hue: float, opacity: float
) -> np.ndarray:
    kind = list(PATTERNS)[random.randint(len(PATTERNS))]
    texture = paint(random, kind, mask.shape[::-1], vivid_colors(random, hue))
    if random.uniform() < 0.4:  # lit from above
        texture = texture * np.linspace(1.15, 0.8, len(mask), dtype=np.float32)[:, None, None]
    alpha = opacity * mask[..., None]
    return alpha * texture + (1 - alpha) * pixels


def _finish(random: np.random.RandomState, pixels: np.ndarray, hardship: str) -> Image.Image:
    if hardship == 'noisy':
        pixels = pixels + random.normal(0, random.uniform(22, 38), pixels.shape)
    if hardship == 'dark':
        pixels = pixels * random.uniform(0.3, 0.5)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if hardship == 'blurred':
        image = image.filter(ImageFilter.GaussianBlur(float(random.uniform(1.6, 2.8))))
    return image


def _object(visible: np.ndarray, entry: _Placed, size: tuple[int, int]) -> DrawnObject:
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    box = tuple(int(edge) for edge in (columns[0], rows[0], columns[-1], rows[-1]))
    tiny = max(box[2] - box[0], box[3] - box[1]) < 0.09 * min(size)
    return DrawnObject(
        label=entry.label,
        box=box,
        truncated=entry.truncated,
        occluded=bool(visible.sum() < 0.95 * entry.area),
        difficult=tiny,
    )
