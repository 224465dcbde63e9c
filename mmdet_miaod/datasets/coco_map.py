"""Average precision as COCO defines it, by pycocotools."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from .coco_json import CocoFile, parse_boxes

_STATS = ('mAP', 'AP50', 'AP75', 'AP_small', 'AP_medium', 'AP_large')


def eval_coco_map(
    results: Sequence[Sequence[np.ndarray]],
    file: CocoFile,
    category_ids: Sequence[int | str],
    sizes: Sequence[tuple[float, float] | None] | None = None,
) -> tuple[dict[str, float], list[float]]:
    """Average precision of detections on all images of an annotation file.

    Images and classes are numbered by their places, so that ids of any kind give the same result.

    Args:
        results: for each image, for each class ``(m, 5)`` float32 x1, y1, x2, y2, score.
        file: the images and their boxes.
        category_ids: the file's id of each class.
        sizes: width and height in pixels of each image, by which boxes are left out as in training; None: as
            the file states.

    Returns:
        ``mAP`` (IoU 0.5 to 0.95), ``AP50``, ``AP75`` and by size ``AP_small``, ``AP_medium``, ``AP_large``,
        -1 without boxes of that size; and the average precision of each class, NaN without boxes.

    Raises:
        ValueError: results that do not fit the images.
    """
    if len(results) != len(file.images):
        raise ValueError(f'{len(results)} results for {len(file.images)} images')
    truth = _truth(file, category_ids, sizes or [None] * len(file.images))
    counts = len(file.images), len(category_ids)
    precision, stats = _evaluate(
        _indexed(truth, *counts), _indexed(_detections(results, counts[1]), *counts), *counts
    )
    by_class = []
    for label in range(len(category_ids)):
        values = precision[:, :, label]
        by_class.append(float(values[values > -1].mean()) if (values > -1).any() else float('nan'))
    return dict(zip(_STATS, stats, strict=True)), by_class


def _truth(
    file: CocoFile, category_ids: Sequence[int | str], sizes: Sequence[tuple[float, float] | None]
) -> list[dict]:
    labels = {category_id: label for label, category_id in enumerate(category_ids)}
    entries: list[dict] = []
    for i, (image, size) in enumerate(zip(file.images, sizes, strict=True)):
        boxes = file.annotations.get(image['id'], [])
        found = parse_boxes(image, boxes, labels, size=size)
        for k, number in enumerate(found.numbers):
            box, ignored = boxes[number], k >= len(found.bboxes)
            width, height = box['bbox'][2:]
            area = box.get('area') if type(box.get('area')) in (int, float) else 0
            entries.append(
                dict(
                    id=len(entries) + 1,
                    image_id=i,
                    category_id=labels[box['category_id']],
                    bbox=box['bbox'],
                    area=area if area > 0 else width * height,
                    iscrowd=int(ignored),
                )
            )
    return entries


def _detections(results: Sequence[Sequence[np.ndarray]], classes: int) -> list[dict]:
    entries: list[dict] = []
    for i, by_class in enumerate(results):
        for label, found in zip(range(classes), by_class, strict=True):
            for x1, y1, x2, y2, score in np.asarray(found, dtype=float).tolist():
                box = [x1, y1, x2 - x1, y2 - y1]
                entry = dict(image_id=i, category_id=label, bbox=box, score=score)
                entries.append(dict(entry, id=len(entries) + 1, area=box[2] * box[3], iscrowd=0))
    return entries


def _indexed(boxes: list[dict], images: int, classes: int) -> COCO:
    coco = COCO()
    coco.dataset = dict(
        images=[dict(id=i) for i in range(images)],
        annotations=boxes,
        categories=[dict(id=label) for label in range(classes)],
    )
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _evaluate(truth: COCO, found: COCO, images: int, classes: int) -> tuple[np.ndarray, list[float]]:
    """Precision ``(10, 101, C)`` by overlap, recall and class, and the summary."""
    evaluation = COCOeval(truth, found, 'bbox')
    evaluation.params.catIds = list(range(classes))
    evaluation.params.imgIds = list(range(images))
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.eval['precision'][:, :, :, 0, -1], [float(value) for value in evaluation.stats[:6]]
