"""Images of a run as small pictures: as they are labeled, and with what a model finds in them."""

import base64
import io
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from ..datasets.image_index import ImageIndex
from .box_drawing import class_colors, draw_boxes, open_as_seen
from .run_reader import RunRecord

# What is drawn of a model's detections.
SHOWN_SCORE, MAX_SHOWN = 0.1, 20


class RunImages:
    """Images and labels of a run.

    Args:
        pool: the pool's data set, with an ``index``.
        labeled: the data set of labels, in which the images that were labeled are unlocked.
        open_test: opens the test set; None where there is none at hand.
    """

    def __init__(self, pool: Any, labeled: Any, open_test: Callable[[], Any] | None = None) -> None:
        self.pool = pool
        self.labeled = labeled
        self.index = pool.index
        self.classes = tuple(labeled.CLASSES)
        self._open_test = open_test

    @cached_property
    def test(self) -> Any:
        """The test set, a :class:`~mmdet_miaod.datasets.labeled.LabeledDataset`, or None."""
        return None if self._open_test is None else self._open_test()

    def name(self, index: int) -> str:
        """Return the name of a pool image, as in its list."""
        return str(self.index.names[index])

    def boxes(self, index: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return boxes ``(n, 4)`` in pixels and labels ``(n,)`` of a labeled image, None for any other."""
        try:
            info = self.labeled.get_ann_info(int(index))
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

    def thumbnail(self, index: int, side: int = 220) -> Image.Image:
        """Draw a small picture of a pool image, with its boxes where it is labeled.

        Raises:
            OSError: when the image cannot be read.
        """
        boxes, labels = self.boxes(index) or (np.zeros((0, 4)), np.zeros(0, int))
        return labels_picture(self.index, int(index), boxes, labels, side=side)


def labels_picture(
    index: ImageIndex, i: int, boxes: np.ndarray, labels: np.ndarray, *, side: int
) -> Image.Image:
    """Draw boxes into a small picture of image ``i``, each with the number of its class, from 1.

    Args:
        index: the image's.
        i: its position there.
        boxes: ``(n, 4)`` in pixels of the image.
        labels: ``(n,)``.
        side: longest side of the picture in pixels.

    Raises:
        OSError: when the image cannot be read.
    """
    image, scale = open_as_seen(index.image_path(i), side, index.exif)
    draw_boxes(image, boxes * scale, [str(label + 1) for label in labels], class_colors(labels))
    return image


def detections_picture(index: ImageIndex, i: int, detections: np.ndarray, *, side: int) -> Image.Image:
    """Draw what a model finds in image ``i``: the 20 most confident boxes of at least 0.1.

    Args:
        index: the image's.
        i: its position there.
        detections: ``(n,)`` of dtype :data:`~mmdet_miaod.active.cycle_evaluation.DETECTION`, best first.
        side: longest side of the picture in pixels.

    Raises:
        OSError: when the image cannot be read.
    """
    shown = detections[detections['score'] >= SHOWN_SCORE][:MAX_SHOWN]
    image, scale = open_as_seen(index.image_path(i), side, index.exif)
    captions = [f'{label + 1} {score:.2f}' for label, score in zip(shown['label'], shown['score'])]
    draw_boxes(image, shown['box'] * scale, captions, class_colors(shown['label']))
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
    """Return an image as a WebP within a data URI."""
    file = io.BytesIO()
    image.save(file, 'WEBP', quality=75, method=2)  # the default takes twice as long for 5% less
    return f'data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}'
