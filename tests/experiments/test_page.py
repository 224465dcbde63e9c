"""Tables within a page."""

import pytest

from mmdet_miaod.experiments.page import fill_page

PAGE = """Text.

<!-- small: runs -->
what was there
<!-- end -->

<!-- other: runs -->
stays
<!-- end -->
"""


def test_a_table_is_put_between_its_marks_and_the_rest_stays() -> None:
    tables = dict(runs='| a |\n|---|\n| 1 |\n', curves='| b |')
    filled = fill_page(PAGE, 'small', tables)
    assert filled == PAGE.replace('what was there', '\n| a |\n|---|\n| 1 |\n')
    assert fill_page(filled, 'small', tables) == filled


@pytest.mark.parametrize(('name', 'tables'), [('absent', dict(runs='')), ('small', dict(curves=''))])
def test_a_page_without_the_table_or_with_an_unknown_one_is_refused(name, tables) -> None:
    with pytest.raises(ValueError, match=f'tables .* of {name}'):
        fill_page(PAGE, name, tables)
