"""Images with boxes drawn on them."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ..datasets.image_index import ImageIndex


def draw_boxes(
    image: Image.Image, by_class: Sequence[np.ndarray], classes: Sequence[str], score_thr: float = 0.3
) -> Image.Image:
    """Draw detections on a copy of an image, the best ones on top.

    Args:
        image: of any mode.
        by_class: one (n, 5) array a class: x1, y1, x2, y2, score.
        classes: class names.
        score_thr: least score of a box that is drawn.
    """
    image = image.convert('RGB')
    draw = ImageDraw.Draw(image)
    width = max(1, round(min(image.size) / 200))
    font = ImageFont.load_default(size=max(10, min(image.size) / 30))
    found = [
        (*map(float, box), label)
        for label, boxes in enumerate(by_class)
        for box in boxes
        if box[4] >= score_thr
    ]
    for x1, y1, x2, y2, score, label in sorted(found, key=lambda entry: entry[4]):
        color = class_color(label, len(classes))
        # Boxes that a diverged regressor turned inside out are drawn all the same.
        draw.rectangle((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), outline=color, width=width)
        text = f'{classes[label]} {score:.2f}'
        right, bottom = draw.textbbox((0, 0), text, font=font)[2:]
        corner = (min(max(x1, 0), max(image.width - right, 0)), max(y1 - bottom, 0))
        draw.rectangle((*corner, corner[0] + right, corner[1] + bottom), fill=color)
        draw.text(corner, text, fill='black', font=font)
    return image


def class_color(label: int, num_classes: int) -> tuple[int, int, int]:
    """Return a light color for a class, as RGB in 0..255; as far from the other classes' as can be."""
    channels = colorsys.hls_to_rgb(label / max(num_classes, 1), 0.62, 0.9)
    return tuple(round(255 * channel) for channel in channels)


def check_show_folder(folder: str | Path) -> Path:
    """Check that a folder for drawn images is new or empty.

    Raises:
        FileExistsError: when there is something in it, or it is a file.
    """
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f'{folder}: is not empty; choose a new folder for the images with boxes')
    return folder


def show_detections(
    folder: str | Path,
    index: ImageIndex,
    detections: Sequence[Sequence[np.ndarray]],
    classes: Sequence[str],
    score_thr: float = 0.3,
) -> None:
    """Write every image with its detections as ``folder/{name}.jpg``.

    Images of the same name in two lists get the number of the image in front of the name.

    Args:
        folder: new or empty.
        index: of the images.
        detections: for each image a list of one (n, 5) array a class.
        classes: class names.
        score_thr: least score of a box that is drawn.

    Raises:
        FileExistsError: see :func:`check_show_folder`.
    """
    folder = check_show_folder(folder)
    unique = len(set(index.names)) == len(index.names)
    for i, by_class in enumerate(detections):
        path = folder / (f'{index.names[i]}.jpg' if unique else f'{i}_{index.names[i]}.jpg')
        path.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(index.image_path(i)) as image:
            draw_boxes(ImageOps.exif_transpose(image), by_class, classes, score_thr).save(path, quality=92)
