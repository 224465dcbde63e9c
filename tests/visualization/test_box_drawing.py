"""Boxes on images, and images as the model saw them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageColor

from mmdet_miaod.visualization.box_drawing import draw_boxes, open_as_seen

BLUE = ImageColor.getrgb('#0072b2')


def drawn(box, caption='7') -> np.ndarray:
    image = Image.new('RGB', (100, 80), (128, 128, 128))
    draw_boxes(image, np.array([box], np.float32), [caption], ['#0072b2'])
    return np.asarray(image)


def is_grey(pixels: np.ndarray) -> bool:
    return bool((pixels == 128).all())


def test_the_caption_of_a_large_box_lies_in_its_corner() -> None:
    pixels = drawn([30, 30, 80, 70])
    assert is_grey(pixels[:28]) and not is_grey(pixels[32:38, 32:36])


def test_the_caption_of_a_small_box_hides_nothing_of_it() -> None:
    pixels = drawn([30, 30, 42, 42])
    assert is_grey(pixels[31:42, 31:42]) and not is_grey(pixels[:28])


def test_the_caption_of_a_box_in_the_corner_stays_in_the_image() -> None:
    blue = (drawn([92, 0, 99, 8], caption='long') == BLUE).all(axis=2)
    assert blue[0, 80:].all() and blue[:9, 99].all()


@pytest.mark.parametrize(('orientation', 'size'), [(1, (40, 20)), (6, (20, 40))])
def test_an_image_is_turned_upright_and_its_scale_is_that_of_the_upright_one(
    tmp_path, orientation, size
) -> None:
    image = Image.new('RGB', (40, 20))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / 'photo.jpg', exif=exif)
    whole, scale = open_as_seen(tmp_path / 'photo.jpg')
    assert (whole.size, scale) == (size, 1.0)
    small, scale = open_as_seen(tmp_path / 'photo.jpg', 10)
    assert (small.size, scale) == (tuple(side // 4 for side in size), 0.25)
