"""The tables of the results page are those of the recorded runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mmdet_miaod.experiments.grid import load_grid
from mmdet_miaod.experiments.results import curve_table, difference_table, read_curves

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


def test_every_record_is_counted_and_shown(grid) -> None:
    recorded = {path.parent.name for path in RECORDS.glob('*/metrics.json')}
    curves = read_curves(grid)
    assert recorded == {
        run.name for run in grid.runs if run.seed in curves[run.setting]
    }  # complete, and of this grid
    page = (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')
    for setting, seeds in curves.items():
        for seed, curve in seeds.items():
            row = ' | '.join(f'{value:.3f}' for value in curve.values)
            assert f'| {setting} | {seed} | {row} |' in page
