"""Contact sheets: each picture as large as its field."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmdet_miaod.visualization.contact_sheet import SheetEntry, draw_sheet


@pytest.mark.parametrize(
    ('size', 'shown'), [((64, 48), (200, 150)), ((30, 60), (100, 200)), ((800, 400), (200, 100))]
)
def test_small_images_are_enlarged_and_large_ones_reduced(size, shown) -> None:
    sheet = draw_sheet('title', [SheetEntry(0, 'name')], lambda i: Image.new('RGB', size, 'red'))
    rows, columns = np.nonzero((np.asarray(sheet) == (255, 0, 0)).all(axis=2))
    found = np.ptp(columns) + 1, np.ptp(rows) + 1
    # The frame of the field lies on the picture's outermost pixels.
    assert all(0 <= want - got <= 2 for want, got in zip(shown, found, strict=True)), found


def test_an_image_that_cannot_be_read_leaves_its_field_empty() -> None:
    def broken(index: int) -> Image.Image:
        raise OSError

    sheet = draw_sheet('title', [SheetEntry(0, 'name')], broken)
    assert sheet.size == draw_sheet('title', [SheetEntry(0, 'name')], lambda i: Image.new('RGB', (9, 9))).size
