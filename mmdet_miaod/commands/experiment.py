"""Run or resume a grid of strategies x schedules x seeds, and write its results.

Finished runs are not run again, stopped ones are resumed. The results are in the
grid's work_directory: results.md (tables), results.svg, .png and .csv (learning curves) and report.html (all
runs); the path of results.md goes to stdout.

example: %(prog)s configs/experiments/bccd_grid.py --data-root data/bccd --devices cpu
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli.arguments import add_config_options, add_data_root, config_options
from ..cli.command_line import Command, configure_messages
from ..cli.configs import find_config

if TYPE_CHECKING:
    from ..experiments.grid import Grid


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the grid, and where its runs go."""
    parser.add_argument('grid', type=find_config, metavar='GRID.py', help='see configs/experiments')
    parser.add_argument('--work-dir', help="where the runs go (default: the grid's work_directory)")
    add_data_root(parser)
    add_config_options(parser)
    parser.add_argument(
        '--devices',
        nargs='+',
        metavar='DEVICE',
        help='cpu or cuda:N; one run at a time on each, two on one that is named twice '
        '(default: cuda:0 where there is a GPU, else cpu)',
    )
    parser.add_argument(
        '--records',
        metavar='FILE.json',
        help='runs recorded there as finished are not run again; runs that end are added to it',
    )
    parser.add_argument(
        '--page',
        metavar='PAGE.md',
        help="write the tables into this page too, between its marks for the records' name, such as "
        '"<!-- bccd_grid: curves -->" and "<!-- end -->"; tables: curves, differences, savings, '
        'box_savings, collapses, runs and, with --over, overall and overall_savings',
    )
    parser.add_argument(
        '--over',
        nargs='+',
        default=[],
        metavar='FILE.json',
        help='records of the same settings on other data: two more tables have the differences over all',
    )
    parser.add_argument('--results-only', action='store_true', help='run nothing, write the results')


def main(arguments: argparse.Namespace) -> int:
    """Run what is not finished, and write the results; returns 1 when a run failed."""
    from ..experiments.grid import load_grid
    from ..run.outputs import claimed

    logger = configure_messages(arguments)
    grid = load_grid(arguments.grid)
    options = {**grid.options, **config_options(arguments.cfg_options)}
    grid = replace(grid, options=options, data_root=arguments.data_root)
    if arguments.work_dir:
        grid = replace(grid, work_directory=Path(arguments.work_dir))
    if arguments.records:
        grid = replace(grid, records=Path(arguments.records))
    grid.take_folder()
    with claimed(grid.work_directory / 'results.md'):
        return _run_grid(grid, arguments, logger)


def _run_grid(grid: Grid, arguments: argparse.Namespace, logger: logging.Logger) -> int:
    from ..cli.launch import default_device
    from ..experiments.processes import GridRunner, changed_runs

    changed = changed_runs(grid)
    for run, differences in changed.items():
        logger.warning('%s was made with another config:\n%s', run.name, differences)
    failed = []
    if changed and not arguments.results_only:
        raise ValueError(
            'runs of different configs are not comparable: delete the runs above, or give the grid another '
            'work_directory (--work-dir)'
        )
    if not arguments.results_only:
        train = [sys.executable, str(Path(__file__).with_name('__main__.py')), 'train']
        devices = arguments.devices or [default_device()]
        failed = GridRunner(grid, train, devices).run()
    path = write_results(grid, arguments.page, arguments.over)
    logger.info('\n%s', path.read_text(encoding='utf-8').rstrip('\n'))
    print(path)
    for run in failed:
        logger.error('%s failed; the same command runs it again.', run.name)
    return 1 if failed else 0


def write_results(grid: Grid, page: str | None, others: Sequence[str] = ()) -> Path:
    """Write tables, learning curves and the report of a grid; returns the path of the tables."""
    from ..apis.run_report import open_run_images
    from ..experiments.page import fill_page
    from ..experiments.processes import is_finished
    from ..experiments.results import grid_overview, grid_tables, read_all_curves, write_tables
    from ..run.files import write_text
    from ..visualization.figures import render, write_plot
    from ..visualization.report import write_report

    curves = read_all_curves(grid)
    tables = grid_tables(grid, curves, others)
    path = write_tables(grid, curves, tables)
    overview = grid_overview(grid, curves, tables)
    plot = replace(overview.learning, name='results')
    write_plot(plot, *render(plot, png=True), grid.work_directory)
    if page is not None:
        name = (grid.records or grid.work_directory).stem
        texts = {key: table.markdown() for key, table in tables.items()}
        write_text(page, fill_page(Path(page).read_text(encoding='utf-8'), name, texts))
    finished = [folder for run in grid.runs if is_finished(folder := grid.work_directory / run.name)]
    if finished:
        report = grid.work_directory / 'report.html'
        options = dict(images_per_cycle=0, png=False, overview=overview)
        write_report(finished, lambda record: open_run_images(record, grid.data_root), report, **options)
    return path


def hint(arguments: argparse.Namespace) -> str:
    """Return how to resume."""
    return 'The same command resumes where it stopped.'


COMMAND = Command(__doc__, add_arguments, main, hint=hint)
