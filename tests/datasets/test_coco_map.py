"""COCO's average precision against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmdet_miaod.datasets.coco_json import CocoFile
from mmdet_miaod.datasets.coco_map import eval_coco_map

NONE = np.zeros((0, 5), np.float32)


def file_of(*boxes: dict) -> CocoFile:
    images = [dict(id=5, width=200, height=200), dict(id=4, width=200, height=200)]
    categories = [dict(id=9, name='cat'), dict(id=2, name='dog')]
    by_image = {image['id']: [box for box in boxes if box['image_id'] == image['id']] for image in images}
    return CocoFile('boxes.json', images, categories, by_image)


def found(*rows) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 5)


def test_overlap_counts_from_each_threshold_on() -> None:
    file = file_of(dict(image_id=5, category_id=9, bbox=[0, 0, 100, 100]))
    # Overlap 0.72: a hit at the thresholds 0.5, 0.55, 0.6, 0.65 and 0.7 of the ten.
    stats, by_class = eval_coco_map([[found((0, 0, 72, 100, 0.9)), NONE], [NONE, NONE]], file, [9, 2])
    assert stats['mAP'] == pytest.approx(0.5)
    assert (stats['AP50'], stats['AP75']) == (pytest.approx(1), 0)
    assert (stats['AP_small'], stats['AP_medium'], stats['AP_large']) == (-1, -1, pytest.approx(0.5))
    assert by_class[0] == pytest.approx(0.5) and np.isnan(by_class[1])


def test_classes_come_in_the_order_of_their_ids() -> None:
    file = file_of(
        dict(image_id=5, category_id=9, bbox=[0, 0, 50, 50]),
        dict(image_id=4, category_id=2, bbox=[0, 0, 50, 50]),
    )
    hit = found((0, 0, 50, 50, 0.9))
    assert eval_coco_map([[hit, NONE], [NONE, NONE]], file, [9, 2])[1] == [pytest.approx(1), 0]
    assert eval_coco_map([[NONE, hit], [NONE, NONE]], file, [2, 9])[1] == [0, pytest.approx(1)]


def test_boxes_of_other_categories_and_crowds_count_neither_way() -> None:
    file = file_of(
        dict(image_id=5, category_id=9, bbox=[0, 0, 50, 50]),
        dict(image_id=5, category_id=9, bbox=[100, 100, 60, 60], iscrowd=1),
        dict(image_id=4, category_id=2, bbox=[0, 0, 50, 50]),
    )
    results = [[found((100, 100, 160, 160, 0.95), (0, 0, 50, 50, 0.9))], [NONE]]
    assert eval_coco_map(results, file, [9])[0]['mAP'] == pytest.approx(1)


def test_results_of_another_number_of_images_are_refused() -> None:
    with pytest.raises(ValueError, match='1 results for 2 images'):
        eval_coco_map([[NONE, NONE]], file_of(), [9, 2])
