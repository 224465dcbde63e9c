"""Values spread over boxes."""

import numpy as np

from mmdet_miaod.visualization.box_spread import spread_over_boxes


def test_values_lie_over_their_boxes_and_are_averaged_where_these_overlap() -> None:
    boxes = np.array([[0, 0, 2, 1], [1, 0, 3, 2], [9, 9, 12, 12]], float)
    both = (1 / 2 + 2 / 4) / (1 / 2 + 1 / 4)  # the boxes have 2 and 4 pixels
    expected = np.array([[1, both, 2, 0], [0, 2, 2, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(spread_over_boxes(np.array([1, 2, 7]), boxes, (3, 4)), expected, atol=1e-12)


def test_it_is_what_a_loop_over_the_boxes_gives() -> None:
    random = np.random.RandomState(0)
    boxes = random.uniform(-10, 40, (200, 4))
    boxes[:, 2:] = boxes[:, :2] + random.uniform(0, 20, (200, 2))
    values = random.rand(200)
    sums, covering = np.zeros((25, 30)), np.zeros((25, 30))
    for value, (x1, y1, x2, y2) in zip(values, boxes):
        mask = np.zeros((25, 30), bool)
        rows = slice(max(int(np.floor(y1)), 0), max(int(np.ceil(y2)), 0))
        mask[rows, max(int(np.floor(x1)), 0) : max(int(np.ceil(x2)), 0)] = True
        sums += mask * value / max(mask.sum(), 1)
        covering += mask / max(mask.sum(), 1)
    expected = np.where(covering > 0, sums / np.maximum(covering, 1e-300), 0)
    np.testing.assert_allclose(spread_over_boxes(values, boxes, (25, 30)), expected, atol=1e-9)


def test_equal_values_give_an_even_picture() -> None:
    boxes = np.array([[0, 0, 8, 8], [0, 0, 4, 4], [4, 4, 8, 8], [2, 2, 3, 3]], float)
    np.testing.assert_allclose(spread_over_boxes(np.full(4, 3.0), boxes, (8, 8)), np.full((8, 8), 3.0))


def test_no_box_at_all() -> None:
    found = spread_over_boxes(np.zeros(0), np.zeros((0, 4)), (2, 3))
    np.testing.assert_array_equal(found, np.zeros((2, 3)))
