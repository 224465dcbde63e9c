"""Boxes with captions on images."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ..run.files import write_file
from .figures import COLORS

_FORMATS = {'.jpg': 'JPEG', '.jpeg': 'JPEG', '.png': 'PNG', '.webp': 'WEBP'}


@functools.cache
def caption_font(size: int) -> ImageFont.FreeTypeFont:
    """The font that comes with matplotlib: it has more letters than Pillow's own."""
    return ImageFont.truetype(font_manager.findfont('DejaVu Sans'), size)


def open_upright(path: str | Path) -> Image.Image:
    """An image as RGB, turned by its EXIF orientation as the model saw it."""
    with Image.open(path) as file:
        return ImageOps.exif_transpose(file).convert('RGB')


def draw_boxes(image: Image.Image, boxes: np.ndarray, captions: Sequence[str], colors: Sequence[str]) -> None:
    """Draw boxes ``(n, 4)`` with captions, the last one first, so that the first one lies on top."""
    draw = ImageDraw.Draw(image)
    size = max(11, round(max(image.size) / 45))
    width = max(1, round(max(image.size) / 400))
    font = caption_font(size)
    for box, caption, color in reversed(list(zip(boxes.tolist(), captions, colors, strict=True))):
        x1, y1 = (float(np.clip(value, 0, side - 1)) for value, side in zip(box[:2], image.size))
        x2, y2 = (
            float(np.clip(value, low, side - 1)) for value, low, side in zip(box[2:], (x1, y1), image.size)
        )
        draw.rectangle((x1 - width, y1 - width, x2 + width, y2 + width), outline='white', width=width)
        draw.rectangle((x1, y1, x2, y2), outline=color, width=width)
        _, _, right, bottom = draw.textbbox((0, 0), caption, font=font)
        x = max(min(x1, image.width - right - 4), 0)
        y = max(y1 - bottom - 4, 0)
        draw.rectangle((x, y, x + right + 4, y + bottom + 3), fill='white', outline=color)
        draw.text((x + 2, y + 1), caption, fill='black', font=font)


def draw_detections(
    path: str | Path,
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    score_threshold: float = 0.3,
) -> tuple[Image.Image, int]:
    """An image with the boxes that reach a threshold; and how many these are.

    Args:
        path: the image file.
        boxes: ``(n, 4)`` x1, y1, x2, y2 in pixels of the image, best first.
        scores: ``(n,)`` confidences.
        labels: ``(n,)`` indices of classes.
        classes: class names.
        score_threshold: least score of a box that is drawn.
    """
    image = open_upright(path)
    kept = scores >= score_threshold
    found = zip(labels[kept], scores[kept], strict=True)
    captions = [f'{classes[label]} {score:.2f}' for label, score in found]
    draw_boxes(image, boxes[kept], captions, [COLORS[label % len(COLORS)] for label in labels[kept]])
    return image, int(kept.sum())


def save_picture(image: Image.Image, path: str | Path) -> None:
    """Write an image whole or not at all; the suffix says the format.

    Raises:
        ValueError: when the suffix is not known.
    """
    form = _FORMATS.get(Path(path).suffix.lower())
    if form is None:
        raise ValueError(f'{path}: the name must end in one of {", ".join(_FORMATS)}')
    options = dict(quality=92) if form == 'JPEG' else {}
    write_file(path, lambda file: image.save(file, form, **options))
