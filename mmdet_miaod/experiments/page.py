"""Tables within a Markdown page, made from records instead of by hand."""

import re
from collections.abc import Mapping


def fill_page(text: str, name: str, tables: Mapping[str, str]) -> str:
    """Replace the tables of a grid in a page.

    A table stands between the lines ``<!-- NAME: TABLE -->`` and ``<!-- end -->``.

    Args:
        text: the page.
        name: of the grid in the page's marks.
        tables: in Markdown, by name.

    Returns:
        The page with the tables as they are now; other grids' tables stay.

    Raises:
        ValueError: when the page has none of the grid's tables, or wants one that is not known.
    """
    marks = re.compile(rf'(<!-- {re.escape(name)}: (\w+) -->\n).*?(<!-- end -->)', re.DOTALL)
    wanted = {found[2] for found in marks.finditer(text)}
    if not wanted or not wanted <= tables.keys():
        raise ValueError(
            f'the page wants the tables {sorted(wanted)} of {name}; there are {sorted(tables)}. Put a table '
            f'between the lines "<!-- {name}: {next(iter(tables))} -->" and "<!-- end -->"'
        )
    return marks.sub(lambda found: f'{found[1]}\n{tables[found[2]].strip()}\n\n{found[3]}', text)
