"""Outlines and masks of shapes."""

import numpy as np
import pytest

from mmdet_miaod.datasets.drawn.shapes import OUTLINES, shape_mask, shape_of


@pytest.mark.parametrize('shape', OUTLINES)
def test_shapes_fill_their_square(shape):
    mask = shape_mask(shape, center=(32, 32), radius=(24, 24), turn=0, size=(64, 64))
    assert mask.shape == (64, 64)
    rows, columns = np.nonzero(mask > 0.5)
    assert max(np.ptp(rows), np.ptp(columns)) >= 32
    assert 0.1 < mask.mean() / (48 / 64) ** 2 < 0.85


def test_classes_without_a_shape_of_their_own_get_different_ones():
    names = ('star', 'foo', 'disc', 'bar baz')
    assert [shape_of(names, label) for label in range(4)] == ['star', 'square', 'disc', 'triangle']
    with pytest.raises(ValueError, match='only 20 shapes'):
        shape_of(tuple(f'class {k}' for k in range(21)), 0)
