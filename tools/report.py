"""Write the report of one or several runs: one page that opens from the disk, and the files of its plots.

Runs whose configs differ in the seed alone become one learning curve with mean and standard deviation.
The path of the page goes to stdout.

example: python tools/report.py work_dirs/MI-AOD/20261123_201631
example: python tools/report.py work_dirs/seeds/* --out comparison.html
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    from mmdet_miaod.cli.command_line import tool_parser

    parser = tool_parser(__doc__)
    parser.add_argument('run_dir', nargs='+', metavar='RUN_DIR', help='run directory')
    parser.add_argument(
        '--out',
        metavar='PAGE.html',
        help='the page to write (default: report.html in RUN_DIR, or beside the first of several); '
        'the plots go to PAGE_plots/ next to it',
    )
    parser.add_argument('--data-root', help="where the data is (default: that of the run's config)")
    parser.add_argument('--images', type=int, default=24, help='images shown a cycle (default: 24)')
    return parser.parse_args(arguments)


def main(arguments: argparse.Namespace) -> None:
    from mmdet_miaod.apis.run_report import open_run_images
    from mmdet_miaod.cli.command_line import configure_messages
    from mmdet_miaod.visualization.report import write_report

    logger = configure_messages(arguments)
    page = write_report(
        arguments.run_dir,
        lambda record: open_run_images(record, arguments.data_root),
        arguments.out,
        images_per_cycle=max(arguments.images, 0),
    )
    logger.info('The report is written; open it in a browser.')
    print(page)


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    parsed = parse_arguments()
    from mmdet_miaod.cli.command_line import run_tool

    sys.exit(run_tool(lambda: main(parsed)))
