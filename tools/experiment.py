"""Run or resume a grid of strategies x schedules x seeds, and write its results.

Finished runs are not run again, stopped ones are resumed. The results are in the
grid's work_directory: results.md (tables), results.svg, .png and .csv (learning curves) and report.html (all
runs); the path of results.md goes to stdout.

example: python tools/experiment.py configs/experiments/bccd_grid.py --data-root data/bccd --devices cpu
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdet_miaod.experiments.grid import Grid


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    from mmdet_miaod.cli.command_line import tool_parser

    parser = tool_parser(__doc__)
    parser.add_argument('grid', metavar='GRID.py', help='grid file, see configs/experiments')
    parser.add_argument('--work-dir', help="where the runs go (default: the grid's work_directory)")
    parser.add_argument('--data-root', help="where the data is (default: the config's data_root)")
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
        '"<!-- bccd_grid: curves -->" and "<!-- end -->"; tables: curves, differences, runs',
    )
    parser.add_argument('--results-only', action='store_true', help='run nothing, write the results')
    return parser.parse_args(arguments)


def main(arguments: argparse.Namespace) -> int:
    from mmdet_miaod.cli.command_line import configure_messages
    from mmdet_miaod.cli.launch import default_device
    from mmdet_miaod.experiments.grid import load_grid
    from mmdet_miaod.experiments.processes import GridRunner, changed_runs

    logger = configure_messages(arguments)
    grid = replace(load_grid(arguments.grid), data_root=arguments.data_root)
    if arguments.work_dir:
        grid = replace(grid, work_directory=Path(arguments.work_dir))
    if arguments.records:
        grid = replace(grid, records=Path(arguments.records))
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
        tool = Path(__file__).resolve().parent / 'train.py'
        devices = arguments.devices or [default_device()]
        failed = GridRunner(grid, tool, devices, logger).run()
    print(write_results(grid, arguments.page))
    for run in failed:
        logger.error('%s failed; the same command runs it again.', run.name)
    return 1 if failed else 0


def write_results(grid: Grid, page: str | None) -> Path:
    """Write tables, learning curves and the report of a grid; returns the path of the tables."""
    from mmdet_miaod.apis.run_report import open_run_images
    from mmdet_miaod.experiments.page import fill_page
    from mmdet_miaod.experiments.processes import is_finished
    from mmdet_miaod.experiments.results import (
        complete_curves,
        grid_plot,
        grid_tables,
        read_all_curves,
        write_tables,
    )
    from mmdet_miaod.run.files import write_text
    from mmdet_miaod.visualization.figures import render, write_plot
    from mmdet_miaod.visualization.report import write_report

    curves = read_all_curves(grid)
    path = write_tables(grid, curves)
    plot = replace(grid_plot(grid, complete_curves(curves)), name='results')
    write_plot(plot, *render(plot, png=True), grid.work_directory)
    if page is not None:
        name = (grid.records or grid.work_directory).stem
        filled = fill_page(Path(page).read_text(encoding='utf-8'), name, grid_tables(grid, curves))
        write_text(page, filled)
    directories = [grid.work_directory / run.name for run in grid.runs]
    finished = [directory for directory in directories if is_finished(directory)]
    if finished:
        write_report(finished, open_run_images, grid.work_directory / 'report.html', images_per_cycle=0)
    return path


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    parsed = parse_arguments()
    from mmdet_miaod.cli.command_line import run_tool

    sys.exit(run_tool(lambda: main(parsed), lambda: 'The same command resumes where it stopped.'))
