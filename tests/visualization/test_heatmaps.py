"""Values spread over boxes."""

import numpy as np

from mmdet_miaod.visualization.heatmaps import spread_over_boxes


def test_values_are_added_over_their_boxes() -> None:
    boxes = np.array([[0, 0, 2, 1], [1, 0, 3, 2], [-5, -5, 0.5, 50], [9, 9, 12, 12]], float)
    expected = np.array([[11, 3, 2, 0], [10, 2, 2, 0], [10, 0, 0, 0]])
    np.testing.assert_allclose(spread_over_boxes(np.array([1, 2, 10, 7]), boxes, 3, 4), expected)


def test_it_is_what_a_loop_over_the_boxes_gives() -> None:
    random = np.random.RandomState(0)
    boxes = random.uniform(-10, 40, (200, 4))
    boxes[:, 2:] = boxes[:, :2] + random.uniform(0, 20, (200, 2))
    values = random.rand(200)
    expected = np.zeros((25, 30))
    for value, (x1, y1, x2, y2) in zip(values, boxes):
        rows = slice(max(int(np.floor(y1)), 0), max(int(np.ceil(y2)), 0))
        expected[rows, max(int(np.floor(x1)), 0) : max(int(np.ceil(x2)), 0)] += value
    np.testing.assert_allclose(spread_over_boxes(values, boxes, 25, 30), expected, atol=1e-9)
