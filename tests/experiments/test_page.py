"""Tables within a page."""

import pytest

from mmdet_miaod.experiments.page import fill_page
from mmdet_miaod.visualization.page_parts import PageTable

EMPTY = PageTable('', ['a'], [])
PAGE = """Text.

<!-- small: runs -->
what was there
<!-- end -->

<!-- other: runs -->
stays
<!-- end -->
"""


def test_a_table_is_put_between_its_marks_and_the_rest_stays() -> None:
    tables = dict(runs=PageTable('', ['a'], [['1']]), curves=PageTable('', ['b'], []))
    filled = fill_page(PAGE, 'small', tables)
    assert filled == PAGE.replace('what was there', '\n| a   |\n|-----|\n| 1   |\n')
    assert fill_page(filled, 'small', tables) == filled


@pytest.mark.parametrize(('name', 'tables'), [('absent', dict(runs=EMPTY)), ('small', dict(curves=EMPTY))])
def test_a_page_without_the_table_or_with_an_unknown_one_is_refused(name, tables) -> None:
    with pytest.raises(ValueError, match=f'tables .* of {name}'):
        fill_page(PAGE, name, tables)
