"""The one rule by which objects become boxes, and where every object goes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmdet_miaod.datasets.boxes import BoxAnnotation, fault_of_box, has_area, sort_objects
from mmdet_miaod.datasets.objects import FoundObject, ObjectCounts

SIZE = (40, 30)


@pytest.mark.parametrize(
    ('corners', 'reason'),
    [
        ((0, 0, 40, 30), None),
        ((0, 0, 1, 1), None),
        ((-5, -5, 60, 60), None),
        ((39.5, 0, 60, 30), None),
        ((39.6, 0, 60, 30), 'outside the image'),
        ((40, 0, 60, 30), 'outside the image'),
        ((-9, 0, 0, 30), 'outside the image'),
        ((0, 30, 40, 60), 'outside the image'),
        ((0, 0, 40, 0.5), 'smaller than a pixel'),
        ((0.2, 0.3, 0.9, 0.8), 'smaller than a pixel'),
        ((5, 5, 5, 9), 'no area'),
        ((9, 5, 5, 9), 'inverted'),
        ((math.nan, 5, 7, 9), 'not understood'),
        ((1, 5, math.inf, 9), 'not understood'),
    ],
)
def test_a_box_needs_a_pixel_and_a_place_in_the_image(corners, reason) -> None:
    found = fault_of_box(corners, SIZE)
    assert (found and found[0]) == reason


def test_without_a_size_only_the_area_is_judged() -> None:
    assert fault_of_box((700, 100, 760, 160), None) is None
    assert fault_of_box((0, 0, 0.5, 0.5), None) is None
    assert fault_of_box((5, 5, 5, 9), None)[0] == 'no area'


def objects() -> list[FoundObject]:
    return [
        FoundObject('object 1', 'cat', 0, (1, 1, 9, 9)),
        FoundObject('object 2', 'cow', None, (1, 1, 9, 9)),
        FoundObject('object 3', 'cat', 0, (50, 1, 90, 9)),
        FoundObject('object 4', 'dog', 1, (2, 2, 9, 9), mark='difficult'),
        FoundObject('object 5', 'dog', 1, (30, 2, 45, 9), remark='has a rotation of 30'),
        FoundObject('object 6', 'dog', None, left_out='not understood', remark='stands elsewhere'),
    ]


def test_every_object_is_trained_on_ignored_or_left_out() -> None:
    found = sort_objects(objects(), SIZE, (30, 40))
    assert found.bboxes.tolist() == [[1, 1, 9, 9], [30, 2, 45, 9]]
    assert (found.labels.tolist(), found.labels_ignore.tolist()) == ([0, 1], [1])
    assert found.numbers == (0, 4, 3)
    left_out = {'unknown class': 1, 'outside the image': 1, 'not understood': 1}
    assert found.counts == ObjectCounts(2, {'difficult': 1}, left_out)
    assert found.counts.total == len(objects())
    assert found.unknown == {'cow': 1}
    assert (found.size, found.stated_size) == (SIZE, (30, 40))
    assert found.problems == (
        'object 3 lies outside the image of 40 x 30; left out',
        'object 5 leaves the image of 40 x 30; kept',
        'object 5 has a rotation of 30; kept as it is written',
        'object 6 stands elsewhere; left out',
    )


def test_a_box_that_is_there_already_is_told_and_counts() -> None:
    twice = [
        FoundObject('object 1', 'cat', 0, (1, 1, 9, 9)),
        FoundObject('object 2', 'cat', 0, (1, 1, 9, 8)),
        FoundObject('object 3', 'cat', 0, (1, 1, 9, 9), mark='difficult'),
        FoundObject('object 4', 'dog', 1, (1, 1, 9, 9)),
        FoundObject('object 5', 'cat', 0, (1, 1, 9, 9)),
        FoundObject('object 6', 'cow', None, (1, 1, 9, 9)),
    ]
    found = sort_objects(twice, SIZE)
    assert found.counts == ObjectCounts(4, {'difficult': 1}, {'unknown class': 1})
    assert found.problems == (
        'object 4 is the box of object 1 again; both are kept',
        'object 5 is the box of object 1 again; both are kept',
    )


def test_the_stated_size_counts_where_the_image_cannot_be_read() -> None:
    assert len(sort_objects(objects(), None, (100, 30)).bboxes) == 3


def test_boxes_of_other_formats_are_held_against_the_image() -> None:
    drawn = [((1, 1, 9, 9), 0, False), ((50, 1, 90, 9), 1, False), ((0, 0, 5, 0.1), 1, True)]
    whole = BoxAnnotation.from_objects(drawn, {'cow': 2}, ['odd'])
    assert whole.counts == ObjectCounts(2, {'ignored': 1}, {'unknown class': 2})
    found = whole.within(SIZE)
    assert found.bboxes.tolist() == [[1, 1, 9, 9]] and len(found.bboxes_ignore) == 0
    left_out = {'unknown class': 2, 'outside the image': 1, 'smaller than a pixel': 1}
    assert found.counts == ObjectCounts(1, {}, left_out) and found.counts.total == whole.counts.total
    assert found.problems[0] == 'odd' and 'box [50, 1, 90, 9] lies outside' in found.problems[1]


def test_boxes_without_area_after_a_transform_are_told() -> None:
    boxes = np.array([(0, 0, 1, 1), (1, 0, 1, 1), (0, np.nan, 1, 1)], np.float32)
    assert has_area(boxes).tolist() == [True, False, False]
