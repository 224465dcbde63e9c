"""Images of a run, and the boxes of the labeled ones, as thumbnails for reports and contact sheets."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from .box_drawing import class_colors, draw_boxes, open_as_seen
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
        """Return the name of a pool image, as in its list."""
        return str(self.index.names[index])

    def boxes(self, index: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return boxes ``(n, 4)`` in pixels and labels ``(n,)`` of a labeled image, None for any other."""
        try:
            info = self._labeled.get_ann_info(int(index))
        except KeyError:
            return None
        return info['bboxes'], info['labels']

    def class_counts(self, indices: Iterable[int]) -> np.ndarray:
        """Count the boxes per class in labeled images: ``(C,)`` int64."""
        counts = np.zeros(len(self.classes), np.int64)
        for index in indices:
            found = self.boxes(index)
            if found is not None:
                counts += np.bincount(found[1], minlength=len(counts))
        return counts

    def thumbnail(self, index: int, side: int = 220, with_boxes: bool = True) -> Image.Image:
        """Draw a small picture of an image, with its boxes, captioned by class number, where it is labeled.

        Raises:
            OSError: when the image cannot be read.
        """
        image, scale = open_as_seen(self.index.image_path(int(index)), side, self.index.exif)
        found = self.boxes(index) if with_boxes else None
        if found is not None:
            boxes, labels = found
            draw_boxes(image, boxes * scale, [str(label + 1) for label in labels], class_colors(labels))
        return image


def balance(record: RunRecord, images: RunImages) -> Mapping[int, Mapping[str, np.ndarray]]:
    """Count boxes for the class balance: ``(C,)`` int64 by cycle and kind of images."""
    result = {}
    for cycle in record.cycles:
        labeled = images.class_counts(record.labeled[cycle])
        selected = images.class_counts(record.selected(cycle))
        result[cycle] = {'labeled': labeled, 'selected': selected, 'pool so far': labeled + selected}
    return result


def data_uri(image: Image.Image) -> str:
    """Return an image as a JPEG within a data URI."""
    file = io.BytesIO()
    image.save(file, 'JPEG', quality=80)
    return f'data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}'
