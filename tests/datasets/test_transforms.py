"""Augmentations that do not look at boxes."""

from __future__ import annotations

import numpy as np
import pytest

from mmdet_miaod.datasets.seeding import augmentation_seed
from mmdet_miaod.datasets.transforms import BoxFreeRandomCrop


def marked_image(width: int = 60, height: int = 40) -> np.ndarray:
    """Pixel (x, y) has the color (x, y, 0)."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.zeros_like(x)], axis=-1).astype(np.uint8)


def crop(seed: int, **arguments) -> np.ndarray:
    with augmentation_seed(seed):
        results = BoxFreeRandomCrop(**arguments)(dict(img=marked_image(), bbox_fields=[]))
    assert results['img_shape'] == results['img'].shape
    return results['img']


def test_part_is_a_window_of_accepted_shape() -> None:
    shapes = set()
    for seed in range(40):
        part = crop(seed, keep_probability=0.0)
        height, width = part.shape[:2]
        assert 0.5 <= height / width <= 2 and width >= 18 and height >= 12
        left, top = part[0, 0, :2]
        np.testing.assert_array_equal(part, marked_image()[top : top + height, left : left + width])
        shapes.add((left, top, width, height))
    assert len(shapes) > 30


def test_same_seed_same_part() -> None:
    np.testing.assert_array_equal(crop(3), crop(3))


def test_can_keep_the_image_whole() -> None:
    assert crop(0, keep_probability=1.0).shape == (40, 60, 3)


def test_refuses_boxes_and_bad_ranges() -> None:
    with pytest.raises(ValueError, match='MinIoURandomCrop'):
        BoxFreeRandomCrop()(dict(img=marked_image(), bbox_fields=['gt_bboxes']))
    with pytest.raises(ValueError, match='min_crop_size'):
        BoxFreeRandomCrop(min_crop_size=0)
