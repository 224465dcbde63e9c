"""The tables of the results page are those of the recorded runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mmdet_miaod.experiments.grid import load_grid
from mmdet_miaod.experiments.results import curve_table, difference_table, read_curve, read_curves

ROOT = Path(__file__).resolve().parent.parent
RECORDS = ROOT / 'docs' / 'results' / 'bccd_grid'


@pytest.fixture(scope='module')
def grid():
    return replace(load_grid(ROOT / 'configs' / 'experiments' / 'bccd_grid.py'), work_directory=RECORDS)


def test_tables_are_those_of_the_records(grid) -> None:
    curves = read_curves(grid)
    page = (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')
    for table in (curve_table(curves, grid.axis), difference_table(curves, grid.baseline)):
        assert table.split('\n\n', 1)[1] in page


def test_every_run_is_recorded_shown_and_counted_unless_it_diverged(grid) -> None:
    page = (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')
    curves = read_curves(grid)
    diverged = set()
    for run in grid.runs:
        values = read_curve(RECORDS / run.name, grid.axis).values
        row = f'| {run.setting} | {run.seed} | {" | ".join(f"{value:.3f}" for value in values)} |'
        if run.seed not in curves[run.setting]:
            diverged.add(run.name)
            row += ' diverged |'
        assert row in page
    assert diverged == {'random-miaod-seed2'}
    assert {path.parent.name for path in RECORDS.glob('*/run_state.json')} == {run.name for run in grid.runs}
