"""The tables of the results page are those of the recorded runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mmdet_miaod.experiments.collapse import collapse_table, read_records
from mmdet_miaod.experiments.grid import load_grid
from mmdet_miaod.experiments.page import fill_page
from mmdet_miaod.experiments.results import complete_curves, grid_tables, read_all_curves
from mmdet_miaod.experiments.single_models import load_study

ROOT = Path(__file__).resolve().parent.parent
RECORDS = ROOT / 'docs' / 'results' / 'bccd_grid.json'
COLLAPSES = ('bccd_collapse', 'dice_collapse')


@pytest.fixture
def grid(tmp_path):
    grid = load_grid(ROOT / 'configs' / 'experiments' / 'bccd_grid.py')
    return replace(grid, work_directory=tmp_path, records=RECORDS)


def test_tables_are_those_of_the_records(grid) -> None:
    page = (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')
    tables = {name: table.markdown() for name, table in grid_tables(grid, read_all_curves(grid)).items()}
    assert fill_page(page, RECORDS.stem, tables) == page
    assert all(page.count(tables[name].strip()) == 1 for name in ('curves', 'differences', 'runs'))


def test_every_run_is_recorded_and_counted_unless_it_diverged(grid) -> None:
    records = grid.read_records()
    assert records.keys() == {run.name for run in grid.runs}
    counted = {
        curve.run for seeds in complete_curves(read_all_curves(grid)).values() for curve in seeds.values()
    }
    assert records.keys() - counted == {'random-miaod-seed2'}
    assert {name for name, record in records.items() if record.finished} == counted
    assert {len(record.metrics) for name, record in records.items() if name in counted} == {4}


def test_the_table_of_collapses_is_that_of_the_records() -> None:
    page = (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')
    studies = [load_study(ROOT / 'configs' / 'experiments' / f'{name}.py') for name in COLLAPSES]
    models = {study.data: read_records(study.records) for study in studies}
    assert fill_page(page, COLLAPSES[0], dict(collapses=collapse_table(models))) == page
    for study in studies:
        assert {record.setting for record in models[study.data]} <= study.settings.keys()
