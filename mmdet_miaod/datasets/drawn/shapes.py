"""Outlines of the shapes in drawn images, and their masks."""

import math

import numpy as np
from PIL import Image, ImageDraw

SUPERSAMPLING = 4

# Closed polygons in the unit circle (or nearly); those after the first are holes.
Polygon = list[tuple[float, float]]
Outline = list[Polygon]


def _arc(start: float, stop: float, radius: float = 1.0, center: float = 0.0, points: int = 48) -> Polygon:
    angles = np.linspace(math.radians(start), math.radians(stop), points)
    return [(center + radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]


def _polygon(corners: int, turn: float = -90.0) -> Polygon:
    angles = [math.radians(turn + 360 * k / corners) for k in range(corners)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]


def _star(tips: int, waist: float) -> Polygon:
    corners = _polygon(2 * tips)
    return [(x, y) if k % 2 == 0 else (waist * x, waist * y) for k, (x, y) in enumerate(corners)]


def _cross(arm: float) -> Polygon:
    quarter = [(arm, -1.0), (arm, -arm), (1.0, -arm)]
    turns = [quarter]
    for _ in range(3):
        turns.append([(-y, x) for x, y in turns[-1]])
    return [point for turn in turns for point in turn]


def _heart() -> Polygon:
    angles = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    curve = zip(
        16 * np.sin(angles) ** 3,
        13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles) - np.cos(4 * angles),
        strict=True,
    )
    return [(float(x) / 17, -float(y) / 17) for x, y in curve]


# The first six are the classes of the demo; all together stand in for VOC's twenty classes.
OUTLINES: dict[str, Outline] = {
    'disc': [_arc(0, 360)],
    'square': [_polygon(4, 45)],
    'triangle': [_polygon(3)],
    'star': [_star(5, 0.42)],
    'ring': [_arc(0, 360), _arc(0, 360, 0.58)],
    'cross': [_cross(0.32)],
    'bar': [[(-1, -0.3), (1, -0.3), (1, 0.3), (-1, 0.3)]],
    'pillar': [[(-0.3, -1), (0.3, -1), (0.3, 1), (-0.3, 1)]],
    'diamond': [[(0, -1), (0.62, 0), (0, 1), (-0.62, 0)]],
    'crescent': [[*_arc(40, 320), *reversed(_arc(62, 298, 0.8, 0.35))]],
    'arrow': [[(0, -1), (0.8, -0.1), (0.3, -0.1), (0.3, 1), (-0.3, 1), (-0.3, -0.1), (-0.8, -0.1)]],
    'heart': [_heart()],
    'hexagon': [_polygon(6)],
    'half disc': [_arc(180, 360)],
    'frame': [_polygon(4, 45), [(0.6 * x, 0.6 * y) for x, y in _polygon(4, 45)]],
    'angle': [[(-0.8, -0.9), (-0.25, -0.9), (-0.25, 0.35), (0.8, 0.35), (0.8, 0.9), (-0.8, 0.9)]],
    'tee': [[(-1, -0.8), (1, -0.8), (1, -0.3), (0.3, -0.3), (0.3, 1), (-0.3, 1), (-0.3, -0.3), (-1, -0.3)]],
    'spark': [_star(4, 0.3)],
    'wedge': [[(-1, 0.6), (-0.45, -0.6), (0.45, -0.6), (1, 0.6)]],
    'chevron': [[(0, -0.8), (0.9, 0.1), (0.9, 0.8), (0, -0.05), (-0.9, 0.8), (-0.9, 0.1)]],
}


def shape_of(names: tuple[str, ...], label: int) -> str:
    """Shape of a class: that of its name, else one that no class is named after.

    Args:
        names: class names.
        label: entry in ``names``.

    Returns:
        Name in ``OUTLINES``.

    Raises:
        ValueError: more classes than shapes.
    """
    if names[label] in OUTLINES:
        return names[label]
    free = [shape for shape in OUTLINES if shape not in names]
    unnamed = [name for name in names if name not in OUTLINES]
    if len(unnamed) > len(free):
        raise ValueError(f'{len(names)} classes, but there are only {len(OUTLINES)} shapes to draw')
    return free[unnamed.index(names[label])]


def shape_mask(
    shape: str,
    *,
    center: tuple[float, float],
    radius: tuple[float, float],
    turn: float,
    size: tuple[int, int],
) -> np.ndarray:
    """Coverage of the pixels by a shape.

    Args:
        shape: name in ``OUTLINES``.
        center: x, y in pixels.
        radius: half width and half height in pixels before turning.
        turn: degrees, clockwise.
        size: width and height of the image in pixels.

    Returns:
        ``(height, width)`` float32 in 0..1.
    """
    scale = SUPERSAMPLING
    canvas = Image.new('L', (size[0] * scale, size[1] * scale))
    draw = ImageDraw.Draw(canvas)
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    for hole, polygon in enumerate(OUTLINES[shape]):
        points = [
            (
                scale * (center[0] + cosine * x * radius[0] - sine * y * radius[1]),
                scale * (center[1] + sine * x * radius[0] + cosine * y * radius[1]),
            )
            for x, y in polygon
        ]
        draw.polygon(points, fill=0 if hole else 255)
    return np.asarray(canvas.reduce(scale), np.float32) / 255
