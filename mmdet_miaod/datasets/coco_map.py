"""Average precision as COCO defines it, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from .coco_json import CocoFile

_STATS = ('mAP', 'AP50', 'AP75', 'AP_small', 'AP_medium', 'AP_large')


def eval_coco_map(
    results: Sequence[Sequence[np.ndarray]], file: CocoFile, category_ids: Sequence[int]
) -> tuple[dict[str, float], list[float]]:
    """Average precision of detections on all images of an annotation file.

    Args:
        results: for each image, for each class ``(m, 5)`` float32 x1, y1, x2, y2, score.
        file: the images and their boxes.
        category_ids: the file's id of each class.

    Returns:
        ``mAP`` (IoU 0.5 to 0.95), ``AP50``, ``AP75`` and by size ``AP_small``, ``AP_medium``, ``AP_large``,
        -1 without boxes of that size; and the average precision of each class, NaN without boxes.

    Raises:
        ValueError: results that do not fit the images.
    """
    if len(results) != len(file.images):
        raise ValueError(f'{len(results)} results for {len(file.images)} images')
    evaluation = _evaluate(_truth(file, category_ids), _detections(results, file, category_ids), category_ids)
    precision = evaluation.eval['precision'][:, :, :, 0, -1]
    by_class = []
    # COCOeval sorts the category ids that it is given.
    for column in np.argsort(np.argsort(category_ids)):
        values = precision[:, :, column]
        by_class.append(float(values[values > -1].mean()) if (values > -1).any() else float('nan'))
    return dict(zip(_STATS, map(float, evaluation.stats[:6]), strict=True)), by_class


def _truth(file: CocoFile, category_ids: Sequence[int]) -> COCO:
    counted = set(category_ids)
    boxes = [
        {'area': box['bbox'][2] * box['bbox'][3], 'iscrowd': 0, **box, 'id': number}
        for number, box in enumerate(file.boxes_of(file.images), 1)
        if box['category_id'] in counted and 'bbox' in box
    ]
    return _indexed(file.images, boxes, file.categories)


def _detections(
    results: Sequence[Sequence[np.ndarray]], file: CocoFile, category_ids: Sequence[int]
) -> list[dict]:
    entries: list[dict] = []
    for image, by_class in zip(file.images, results, strict=True):
        for category_id, found in zip(category_ids, by_class, strict=True):
            for x1, y1, x2, y2, score in np.asarray(found, dtype=float).tolist():
                box = [x1, y1, x2 - x1, y2 - y1]
                entry = dict(image_id=image['id'], category_id=category_id, bbox=box, score=score)
                entries.append(dict(entry, id=len(entries) + 1, area=box[2] * box[3], iscrowd=0))
    return entries


def _indexed(images: list[dict], boxes: list[dict], categories: list[dict]) -> COCO:
    coco = COCO()
    coco.dataset = dict(images=images, annotations=boxes, categories=categories)
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _evaluate(truth: COCO, detections: list[dict], category_ids: Sequence[int]) -> COCOeval:
    found = _indexed(truth.dataset['images'], detections, truth.dataset['categories'])
    evaluation = COCOeval(truth, found, 'bbox')
    evaluation.params.catIds = category_ids
    evaluation.params.imgIds = [image['id'] for image in truth.dataset['images']]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation
