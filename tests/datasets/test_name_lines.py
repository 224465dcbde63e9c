"""Lines of many names without a loop over them."""

from __future__ import annotations

import numpy as np
import pytest

from mmdet_miaod.datasets import image_lists
from mmdet_miaod.datasets.image_lists import NameTable, name_lines

NAMES = ['000001', 'ü/ß', 'a', '2008_000003', 'letzte-日本']


@pytest.mark.parametrize('indices', [[], [0], [4], [0, 1, 2, 3, 4], [1, 3], [4, 0, 4]])
@pytest.mark.parametrize('names', [NAMES, NameTable(NAMES)])
def test_lines_are_the_chosen_names_in_order(monkeypatch, names, indices) -> None:
    monkeypatch.setattr(image_lists, '_CHUNK', 2)
    chosen = np.array(indices, dtype=np.int64)
    text = b''.join(name_lines(names, chosen)).decode()
    assert text == ''.join(f'{NAMES[i]}\n' for i in indices)


def test_lines_of_joined_tables() -> None:
    table = NameTable.concatenate([NameTable(NAMES), NameTable(['x', 'yy'])])
    assert table.lines(np.array([4, 5, 6])).decode() == 'letzte-日本\nx\nyy\n'
