"""The tables of the results page are those of the recorded runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mmdet_miaod.experiments.collapse import collapse_table, read_records
from mmdet_miaod.experiments.grid import Grid, load_grid
from mmdet_miaod.experiments.page import fill_page
from mmdet_miaod.experiments.results import complete_curves, grid_tables, read_all_curves
from mmdet_miaod.experiments.single_models import load_study

ROOT = Path(__file__).resolve().parent.parent
RECORDS = ROOT / 'docs' / 'results'
FEW_LABELS = ('curves', 'differences', 'savings', 'box_savings', 'collapses')
# Grids and their tables on the page; studies of single models, whose table stands at the first one's marks.
GRIDS = {
    'bccd_grid': ('curves', 'differences', 'runs'),
    'roadsigns_long': (*FEW_LABELS, 'overall', 'overall_savings'),
    'chess_small': FEW_LABELS,
    'chess_long': FEW_LABELS,
    'dice_small': FEW_LABELS,
    'bccd_small': FEW_LABELS,
}
# Records of the other data sets, for the tables over all.
OVER = {'roadsigns_long': ('chess_small', 'dice_small', 'bccd_small')}
STUDIES = [
    ('bccd_collapse', 'dice_collapse'),
    ('bccd_terms', 'chess_terms'),
    ('bccd_schedules', 'chess_schedules'),
    ('chess_full',),
]


@pytest.fixture
def read_grid(tmp_path) -> Callable[[str], Grid]:
    def read(name: str) -> Grid:
        grid = load_grid(ROOT / 'configs' / 'experiments' / f'{name}.py')
        return replace(grid, work_directory=tmp_path, records=RECORDS / f'{name}.json')

    return read


@pytest.mark.parametrize('name', GRIDS)
def test_tables_are_those_of_the_records(read_grid, name) -> None:
    page = (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')
    grid = read_grid(name)
    others = [RECORDS / f'{other}.json' for other in OVER.get(name, ())]
    tables = grid_tables(grid, read_all_curves(grid), others)
    tables = {key: table.markdown() for key, table in tables.items()}
    assert fill_page(page, name, tables) == page
    assert all(page.count(f'<!-- {name}: {key} -->') == 1 for key in GRIDS[name])


@pytest.mark.parametrize('name', [name for name, tables in GRIDS.items() if 'savings' in tables])
def test_every_run_with_few_labels_is_finished(read_grid, name) -> None:
    grid = read_grid(name)
    records = grid.read_records()
    # Of MI-AOD's schedule chess_long has random selection alone.
    selected = (run for run in grid.runs if run.schedule == 'miaod' and run.strategy != 'random')
    left_out = {run.name for run in selected} if name == 'chess_long' else set()
    assert records.keys() == {run.name for run in grid.runs} - left_out
    assert all(record.finished and len(record.metrics) == 4 for record in records.values())


def test_every_run_is_recorded_and_counted_unless_it_diverged(read_grid) -> None:
    grid = read_grid('bccd_grid')
    records = grid.read_records()
    assert records.keys() == {run.name for run in grid.runs}
    counted = {
        curve.run for seeds in complete_curves(read_all_curves(grid)).values() for curve in seeds.values()
    }
    assert records.keys() - counted == {'random-miaod-seed2'}
    assert {name for name, record in records.items() if record.finished} == counted
    assert {len(record.metrics) for name, record in records.items() if name in counted} == {4}


@pytest.mark.parametrize('names', STUDIES)
def test_tables_of_single_models_are_those_of_the_records(names) -> None:
    page = (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')
    studies = [load_study(ROOT / 'configs' / 'experiments' / f'{name}.py') for name in names]
    models = {study.data: read_records(study.records) for study in studies}
    assert all(models.values())
    assert fill_page(page, names[0], dict(collapses=collapse_table(models))) == page
    for study in studies:
        assert {record.setting for record in models[study.data]} <= study.settings.keys()
