"""Textures of drawn images."""

import numpy as np
import pytest

from mmdet_miaod.datasets.drawn.textures import PATTERNS, muted_color, near_color, paint, vivid_colors


@pytest.mark.parametrize('kind', PATTERNS)
def test_pattern_lies_between_its_two_colors(kind):
    black, white = (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)
    texture = paint(np.random.RandomState(1), kind, (40, 30), (black, white))
    assert (texture.shape, texture.dtype) == ((30, 40, 3), np.float32)
    assert 0 <= texture.min() <= texture.max() <= 255 * (1 + 1e-5)
    np.testing.assert_array_equal(texture[..., 0], texture[..., 2])


def test_same_state_same_texture():
    one, other = (paint(np.random.RandomState(4), 'noise', (9, 8), ((0,) * 3, (9,) * 3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_colors_are_rgb_up_to_255():
    random = np.random.RandomState(0)
    for color in (muted_color(random), *vivid_colors(random, 0.4), near_color(random, (120, 120, 120), 50)):
        assert len(color) == 3 and all(0 <= channel <= 255 for channel in color)
