"""Boxes with captions on images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from ..datasets.image_files import open_image
from ..run.files import write_file
from ..run.outputs import MARK, check_outputs
from .figures import COLORS
from .fonts import caption_font

_SOFTWARE_TAG = 0x0131
_FORMATS = {'.jpg': 'JPEG', '.jpeg': 'JPEG', '.png': 'PNG', '.webp': 'WEBP'}
# A caption lies inside its box where it covers no more of it than this.
_COVERED = 1 / 6
_MOST_CAPTIONS = 300


def open_as_seen(path: str | Path, side: int | None = None, exif: str = 'apply') -> tuple[Image.Image, float]:
    """Open an image as RGB, as the model saw it.

    Args:
        path: the image file.
        side: longest side of the result in pixels; None: that of the file. A large JPEG is decoded at about
            that size, which is several times faster.
        exif: ``'apply'`` turns it by its EXIF orientation, ``'ignore'`` does not.

    Returns:
        The image, and its size divided by the file's.

    Raises:
        OSError: when the file is missing or no readable image.
        ValueError: when it has too many pixels.
    """
    with open_image(path) as file:
        full = max(file.size)
        if side is not None:
            file.draft('RGB', (2 * side, 2 * side))
        image = (ImageOps.exif_transpose(file) if exif == 'apply' else file).convert('RGB')
    if side is not None:
        image = ImageOps.contain(image, (side, side))
    return image, max(image.size) / full


def draw_boxes(
    image: Image.Image,
    boxes: np.ndarray,
    captions: Sequence[str],
    colors: Sequence[str],
    dashed: Sequence[bool] | None = None,
) -> None:
    """Draw boxes with captions into an image, the last one first, so that the first one lies on top.

    A caption stands inside its box where the box is large, else above it, so that it hides no small object.
    The first 300 boxes have one: of thousands nobody could read any, and each takes time.

    Args:
        image: RGB; it is changed.
        boxes: ``(n, 4)`` x1, y1, x2, y2 in pixels of the image; what is outside of it is cut off.
        captions: n texts.
        colors: n colors as Pillow names them.
        dashed: which of them have a dashed outline; none by default.
    """
    draw = ImageDraw.Draw(image)
    size = max(9, round(max(image.size) / 45))
    width = max(1, round(max(image.size) / 400))
    inside = np.clip(boxes, 0, [side - 1 for side in 2 * image.size])
    corners = np.hstack([inside[:, :2], np.maximum(inside[:, :2], inside[:, 2:])]).tolist()
    marks = [False] * len(corners) if dashed is None else dashed
    for box, color, is_dashed in reversed(list(zip(corners, colors, marks, strict=True))):
        left, top, right, bottom = box
        outside = (left - width, top - width, right + width, bottom + width)
        draw.rectangle(outside, outline='white', width=width)
        if is_dashed:
            _draw_dashes(draw, box, color, width)
        else:
            draw.rectangle(box, outline=color, width=width)
    for box, caption, color in list(zip(corners, captions, colors, strict=True))[:_MOST_CAPTIONS][::-1]:
        font = caption_font(size, caption)
        text = draw.textbbox((0, 0), caption, font=font)
        x, y, right, bottom = _caption_place(text, box, image.width)
        draw.rectangle((x, y, right, bottom), fill='white', outline=color)
        draw.text((x + 2 - text[0], y + 2 - text[1]), caption, fill='black', font=font)


def _draw_dashes(draw: ImageDraw.ImageDraw, box: list[float], color: str, width: int) -> None:
    left, top, right, bottom = box
    dash = 3 * width + 1
    for x in np.arange(left, right, 2 * dash):
        for y in (top, bottom):
            draw.line((x, y, min(x + dash, right), y), fill=color, width=width)
    for y in np.arange(top, bottom, 2 * dash):
        for x in (left, right):
            draw.line((x, y, x, min(y + dash, bottom)), fill=color, width=width)


def _caption_place(
    text: tuple[float, float, float, float], box: list[float], image_width: int
) -> tuple[float, float, float, float]:
    """Rectangle of a caption, from where its text would be drawn at (0, 0), and its box."""
    left, top, right, bottom = box
    width, height = text[2] - text[0] + 4, text[3] - text[1] + 4
    inside = width * height <= _COVERED * (right - left) * (bottom - top) and width < right - left
    x = max(min(left, image_width - 1 - width), 0)
    y = top if inside else max(top - height, 0)
    return x, y, x + width, y + height


def class_colors(labels: np.ndarray) -> list[str]:
    """Colors of the classes of boxes, from their labels ``(n,)``."""
    return [COLORS[label % len(COLORS)] for label in labels]


def draw_detections(
    path: str | Path,
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    classes: Sequence[str],
    score_threshold: float = 0.3,
    exif: str = 'apply',
) -> tuple[Image.Image, int]:
    """Draw the boxes that reach a threshold into an image.

    Args:
        path: the image file.
        boxes: ``(n, 4)`` x1, y1, x2, y2 in pixels of the image, best first.
        scores: ``(n,)`` confidences.
        labels: ``(n,)`` indices of classes.
        classes: class names.
        score_threshold: least score of a box that is drawn.
        exif: how the model's images are loaded, see :func:`open_as_seen`.

    Returns:
        The image, and the number of boxes in it.
    """
    image, _ = open_as_seen(path, exif=exif)
    kept = scores >= score_threshold
    captions = [
        f'{classes[label]} {score:.2f}' for label, score in zip(labels[kept], scores[kept], strict=True)
    ]
    draw_boxes(image, boxes[kept], captions, class_colors(labels[kept]))
    return image, int(kept.sum())


def save_picture(image: Image.Image, path: str | Path) -> None:
    """Write an image whole or not at all; the suffix says the format.

    Raises:
        ValueError: when the suffix is not known.
        FileExistsError: when there is such a file that is no picture of this package's.
    """
    form = _FORMATS.get(Path(path).suffix.lower())
    if form is None:
        raise ValueError(f'{path}: the name must end in one of {", ".join(_FORMATS)}')
    check_outputs([path])
    exif = Image.Exif()
    exif[_SOFTWARE_TAG] = MARK
    options = dict(quality=92, exif=exif) if form == 'JPEG' else dict(exif=exif)
    write_file(path, lambda file: image.save(file, form, **options))
