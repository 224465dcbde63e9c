"""Results of a grid: learning curves, and tables of them."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..regular_files import read_json
from ..run.files import write_text
from ..run.metrics import METRICS_NAME
from ..visualization.figures import Plot
from ..visualization.learning_curve import CURVE_AXES, Curve, CurveAxis, learning_curves
from ..visualization.page_parts import Overview, PageTable
from .grid import Grid, GridRun
from .records import read_records
from .savings import collapse_counts, overall_saving_table, overall_table, saving_table
from .statistics import Curves, PairedDifference, areas_of, mean_and_deviation, paired_difference


def read_all_curves(grid: Grid, axis: CurveAxis | None = None) -> dict[str, dict[int, Curve]]:
    """Read the learning curves of all runs that have an evaluated cycle, by setting and seed.

    A run that the grid's records have as finished is taken from there, any other from its directory.

    Args:
        grid: the grid.
        axis: what they are drawn against; default: what the grid's budget counts.
    """
    records = grid.read_records()
    found: dict[str, dict[int, Curve]] = {setting: {} for setting in grid.settings}
    axis = axis or grid.axis
    for run in grid.runs:
        path = grid.work_directory / run.name / METRICS_NAME
        record = records.get(run.name)
        metrics = record.metrics if record else []
        if path.is_file() and not (record and record.finished):
            metrics = read_json(path)
        if metrics:
            found[run.setting][run.seed] = Curve.of_metrics(run.name, metrics, axis)
    return found


def complete_curves(curves: Curves) -> dict[str, dict[int, Curve]]:
    """Keep the curves that have as many cycles as the longest one, so that means compare like with like.

    Raises:
        ValueError: no run has a result.
    """
    longest = max((len(curve.cycles) for seeds in curves.values() for curve in seeds.values()), default=0)
    if not longest:
        raise ValueError('no run has a result yet')
    return {
        setting: {seed: curve for seed, curve in seeds.items() if len(curve.cycles) == longest}
        for setting, seeds in curves.items()
    }


def grid_plot(grid: Grid, curves: Curves) -> Plot:
    """Plot complete learning curves: a panel per schedule, a line per strategy, a dot per run."""
    panels = {
        f'schedule: {schedule}': {
            strategy: list(curves.get(GridRun(strategy, schedule, 0).setting, {}).values())
            for strategy in grid.strategies
        }
        for schedule in grid.schedules
    }
    return learning_curves(panels, grid.axis)


def grid_tables(grid: Grid, curves: Curves, others: Sequence[str | Path] = ()) -> dict[str, PageTable]:
    """Make the tables ``curves``, ``differences``, ``savings``, ``box_savings``, ``collapses`` and ``runs``.

    Args:
        grid: the grid.
        curves: from :func:`read_all_curves`.
        others: files of records of the same settings on other data, for the tables ``overall`` and
            ``overall_savings``.
    """
    complete = complete_curves(curves)
    tables = dict(
        curves=curve_table(complete, grid.axis),
        differences=difference_table(complete, grid.baseline),
    )
    if complete[grid.baseline]:
        tables['savings'] = saving_table(complete, grid.baseline, grid.axis.title)
        boxes = CURVE_AXES['box']
        if grid.axis != boxes:
            in_boxes = complete_curves(read_all_curves(grid, boxes))
            tables['box_savings'] = saving_table(in_boxes, grid.baseline, boxes.title)
    if others:
        own = (grid.records or grid.work_directory).stem
        grids = {own: complete, **{Path(path).stem: _complete_records(path, grid.axis) for path in others}}
        tables['overall'] = overall_table(grids, grid.baseline)
        tables['overall_savings'] = overall_saving_table(grids, grid.baseline)
    return dict(**tables, collapses=collapse_counts(curves), runs=run_table(curves))


def _complete_records(path: str | Path, axis: CurveAxis) -> dict[str, dict[int, Curve]]:
    """Read the complete learning curves of a file of records, by setting and seed, without its grid.

    Args:
        path: file that ``miaod experiment --records`` wrote.
        axis: what they are drawn against.
    """
    found: dict[str, dict[int, Curve]] = {}
    for name, record in read_records(path).items():
        setting = name.rpartition('-seed')[0]
        curve = Curve.of_metrics(name, record.metrics, axis)
        found.setdefault(setting, {})[record.identity.seed] = curve
    return complete_curves(found)


def write_tables(grid: Grid, curves: Curves, tables: Mapping[str, PageTable]) -> Path:
    """Write the tables of a grid, ``results.md``, into its folder.

    Args:
        grid: the grid.
        curves: from :func:`read_all_curves`.
        tables: from :func:`grid_tables`.

    Returns:
        Path of the file.
    """
    parts = [f'{table.note}\n\n{table.markdown()}\n' for table in tables.values()]
    complete = complete_curves(curves)
    missing = [run.name for run in grid.runs if run.seed not in complete[run.setting]]
    if missing:
        parts.append(
            f'Not counted, because they have fewer cycles than others (yet): {", ".join(missing)}.\n'
        )
    path = grid.work_directory / 'results.md'
    write_text(path, '\n'.join(parts))
    return path


def grid_overview(grid: Grid, curves: Curves, tables: Mapping[str, PageTable]) -> Overview:
    """Make the top of a grid's report: learning curves and tables.

    Args:
        grid: the grid.
        curves: from :func:`read_all_curves`.
        tables: from :func:`grid_tables`.
    """
    complete = complete_curves(curves)
    count = sum(len(seeds) for seeds in complete.values())
    title = f'Grid {grid.work_directory.resolve().name}: {count} of {len(grid.runs)} runs'
    return Overview(title, grid_plot(grid, complete), list(tables.values()))


def curve_table(curves: Curves, axis: CurveAxis) -> PageTable:
    """Mean and standard deviation over seeds of the mAP of each cycle and of the area.

    Args:
        curves: complete ones, at least one.
        axis: what they are drawn against.
    """
    areas = areas_of(curves)
    rows = []
    for setting, seeds in curves.items():
        if seeds:
            columns = zip(*(curve.values for curve in seeds.values()), strict=True)
            cells = [_spread(list(column)) for column in columns]
            rows.append([setting, f'{len(seeds)}', *cells, _spread(list(areas[setting].values()))])
    note = (
        f'mAP by number of {axis.title}: mean ± standard deviation over seeds. Area: under the learning '
        'curve, over the numbers that all curves cover, divided by their width.'
    )
    return PageTable('Learning curves', ['setting', 'seeds', *_counts(curves), 'area'], rows, note)


def difference_table(curves: Curves, baseline: str) -> PageTable:
    """Paired differences of area and last mAP to the baseline, with 95% bootstrap intervals.

    Args:
        curves: complete ones.
        baseline: the setting to compare with.
    """
    areas = areas_of(curves)
    last = {
        setting: {seed: curve.values[-1] for seed, curve in seeds.items()}
        for setting, seeds in curves.items()
    }
    rows = []
    for setting, seeds in curves.items():
        if setting != baseline and seeds:
            of_area, of_last = (
                paired_difference(values[setting], values[baseline]) for values in (areas, last)
            )
            rows.append([setting, f'{of_area.seeds}', _interval(of_area), _interval(of_last)])
    note = f'Difference to {baseline}, seed by seed: mean [95% bootstrap interval over seeds].'
    return PageTable('Differences', ['setting', 'seeds', 'area', 'mAP of the last cycle'], rows, note)


def run_table(curves: Curves) -> PageTable:
    """Return the mAP of each run and cycle, those of runs that stopped before the end among them."""
    heads = _counts(complete_curves(curves))
    rows = []
    for setting, seeds in curves.items():
        for seed, curve in seeds.items():
            cells = [f'{value:.3f}' for value in curve.values]
            rows.append([setting, f'{seed}', *cells, *['–'] * (len(heads) - len(cells))])
    return PageTable('mAP of each run', ['setting', 'seed', *heads], rows, 'Each run (–: not evaluated).')


def _counts(curves: Curves) -> list[str]:
    """Heads of the columns of cycles: numbers of labeled images or boxes."""
    columns = zip(*(curve.labeled for seeds in curves.values() for curve in seeds.values()), strict=True)
    # Under a budget of boxes the last image of a cycle may bring more than are wanted.
    return [f'{min(c)}' if min(c) == max(c) else f'{min(c)} to {max(c)}' for c in columns]


def _spread(values: list[float]) -> str:
    mean, deviation = mean_and_deviation(values)
    return f'{mean:.3f}' if math.isnan(deviation) else f'{mean:.3f} ± {deviation:.3f}'


def _interval(difference: PairedDifference) -> str:
    if np.isnan(difference.mean):
        return '-'
    interval = '' if np.isnan(difference.low) else f' [{difference.low:+.3f}, {difference.high:+.3f}]'
    return f'{difference.mean:+.3f}{interval}'
