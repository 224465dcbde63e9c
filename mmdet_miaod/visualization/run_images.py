"""The images of a run, and the boxes of those that were labeled, as thumbnails for reports and sheets."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from .figures import COLORS
from .run_reader import RunRecord


class RunImages:
    """Images and labels of a run.

    Args:
        pool: the pool's data set, with an ``index``.
        labeled: the data set of labels, in which the images that were labeled are unlocked.
    """

    def __init__(self, pool: Any, labeled: Any) -> None:
        self.index = pool.index
        self.classes = tuple(labeled.CLASSES)
        self._labeled = labeled

    def name(self, index: int) -> str:
        """Name of a pool image, as in its list."""
        return str(self.index.names[index])

    def boxes(self, index: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Boxes ``(n, 4)`` in pixels and labels ``(n,)`` of a labeled image, None for any other."""
        try:
            info = self._labeled.get_ann_info(int(index))
        except KeyError:
            return None
        return info['bboxes'], info['labels']

    def class_counts(self, indices: Iterable[int]) -> np.ndarray:
        """``(C,)`` boxes of each class in labeled images."""
        counts = np.zeros(len(self.classes), np.int64)
        for index in indices:
            found = self.boxes(index)
            if found is not None:
                counts += np.bincount(found[1], minlength=len(counts))
        return counts

    def thumbnail(self, index: int, side: int = 220, draw_boxes: bool = True) -> Image.Image:
        """A small picture of an image, with its boxes where it is labeled.

        Raises:
            OSError: when the image cannot be read.
        """
        image, scale = open_small(self.index.image_path(int(index)), side)
        found = self.boxes(index) if draw_boxes else None
        if found is not None:
            draw_thin_boxes(image, found[0] * scale, found[1])
        return image


def balance(record: RunRecord, images: RunImages) -> Mapping[int, Mapping[str, np.ndarray]]:
    """Number of boxes by cycle, kind of images and class, for the class balance."""
    result = {}
    for cycle in record.cycles:
        labeled = images.class_counts(record.labeled[cycle])
        selected = images.class_counts(record.selected(cycle))
        result[cycle] = {'labeled': labeled, 'selected': selected, 'pool so far': labeled + selected}
    return result


def open_small(path: str, side: int) -> tuple[Image.Image, float]:
    """An image as RGB, turned upright, no side longer than ``side``; and its scale against the original."""
    with Image.open(path) as file:
        upright_width = max(ImageOps.exif_transpose(file).size) if file.getexif().get(0x0112, 1) != 1 else 0
        full = max(upright_width, *file.size)
        file.draft('RGB', (2 * side, 2 * side))
        image = ImageOps.exif_transpose(file).convert('RGB')
    image.thumbnail((side, side))
    return image, max(image.size) / full


def draw_thin_boxes(image: Image.Image, boxes: np.ndarray, labels: np.ndarray) -> None:
    """Draw boxes with the numbers of their classes (from 1), in colors that light and dark both show."""
    draw = ImageDraw.Draw(image)
    for box, label in zip(np.round(boxes).astype(int).tolist(), labels.tolist(), strict=True):
        x1, y1, x2, y2 = box[0], box[1], max(box[2], box[0]), max(box[3], box[1])
        color = COLORS[label % len(COLORS)]
        draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline='white')
        draw.rectangle((x1, y1, x2, y2), outline=color)
        text = str(label + 1)
        place = draw.textbbox((x1 + 1, y1), text)
        draw.rectangle((place[0] - 1, place[1], place[2] + 1, place[3]), fill='white')
        draw.text((x1 + 1, y1), text, fill='black')


def data_uri(image: Image.Image) -> str:
    """An image as a JPEG within a page."""
    file = io.BytesIO()
    image.save(file, 'JPEG', quality=80)
    return f'data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}'
