"""Values of anchors as a picture."""

import numpy as np
import torch

from mmdet_miaod.visualization.heatmaps import strongest_by_pixel


def test_the_largest_anchor_of_a_place_shows() -> None:
    fine = torch.zeros(4, 6, 2)
    fine[1, 2] = torch.tensor([3.0, 7.0])
    coarse = torch.full((2, 3, 1), 5.0)
    found = strongest_by_pixel([fine, coarse], [(8, 8), (16, 16)], [(4, 4), (0, 0)], (1 / 8, 1 / 8), (4, 6))
    expected = np.full((4, 6), 5.0)
    expected[1, 2] = 7
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_values_lie_where_the_anchors_are_centered() -> None:
    values = torch.zeros(4, 4, 1)
    values[3, 1] = 1.0
    found = strongest_by_pixel([values], [(10, 10)], [(0.5, 5.5)], (1.0, 1.0), (40, 40))
    assert np.unravel_index(found.argmax(), found.shape) == (35, 10)  # their middles: y 35.5, x 10.5
    assert found[35, 10] == 1
    np.testing.assert_allclose(found[35, 8:13], [0.8, 0.9, 1, 0.9, 0.8])
    np.testing.assert_allclose(found[:26], 0, atol=1e-12)


def test_padding_is_left_out_and_a_missing_location_filled_up() -> None:
    values = torch.arange(6.0).view(2, 3, 1)
    arguments = [values], [(8, 8)], [(4, 4)], (1 / 8, 1 / 8)
    np.testing.assert_allclose(strongest_by_pixel(*arguments, (2, 2)), [[0, 1], [3, 4]], atol=1e-12)
    wider = strongest_by_pixel(*arguments, (3, 4))
    np.testing.assert_allclose(wider, [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5]], atol=1e-12)


def test_one_location_fills_the_picture() -> None:
    found = strongest_by_pixel([torch.full((1, 1, 3), 2.0)], [(128, 128)], [(0, 0)], (1.0, 1.0), (5, 7))
    np.testing.assert_array_equal(found, np.full((5, 7), 2.0))
