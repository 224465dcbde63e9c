"""Findings as a table for people."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .findings import Diagnosis, Finding

COLORS = {'ok': 'green', 'note': 'cyan', 'warning': 'yellow', 'error': 'bold red'}
SHOWN_ITEMS = 10
_AREAS = ('environment', 'data', 'start', 'split', 'estimate')


def print_table(diagnosis: Diagnosis, console: Console, shown_items: int = SHOWN_ITEMS) -> None:
    """Print one row per finding, with the first files of each.

    Args:
        diagnosis: what to show.
        console: where to.
        shown_items: how many files of a finding; the others are counted.
    """
    table = Table(title='Doctor', title_justify='left')
    table.add_column('')
    table.add_column('checked')
    table.add_column('found', overflow='fold')
    area = ''
    for finding in sorted(diagnosis.findings, key=lambda finding: _AREAS.index(finding.area)):
        if area and finding.area != area:
            table.add_section()
        area = finding.area
        # Text, not markup: file names may hold brackets.
        status = Text(finding.status, COLORS[finding.status])
        table.add_row(status, Text(finding.name), Text(_details(finding, shown_items)))
    console.print(table)
    console.print(Text(_verdict(diagnosis)))


def _details(finding: Finding, shown_items: int) -> str:
    more = len(finding.items) - shown_items
    rest = [f'and {more} more (--json lists all)'] if more > 0 else []
    return '\n'.join([finding.detail, *finding.items[:shown_items], *rest])


def _verdict(diagnosis: Diagnosis) -> str:
    statuses = [finding.status for finding in diagnosis.findings]
    errors, warnings = statuses.count('error'), statuses.count('warning')
    if errors:
        return f'A run would not work: {errors} errors, {warnings} warnings.'
    return f'A run can start: no errors, {warnings} warnings.'
