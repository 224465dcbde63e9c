"""Write the report of one or several runs: one page that opens from the disk, and the files of its plots.

Runs whose configs differ in the seed alone become one learning curve with mean and standard deviation.
The path of the page goes to stdout.

example: %(prog)s work_dirs/MI-AOD/20261123_201631
example: %(prog)s work_dirs/seeds/* --out comparison.html
"""

import argparse

from ..cli.arguments import add_data_root
from ..cli.command_line import Command, configure_messages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the runs, and where the page goes."""
    parser.add_argument('run_dir', nargs='+', metavar='RUN_DIR', help='run directory')
    parser.add_argument(
        '--out',
        metavar='PAGE.html',
        help='the page to write (default: report.html in RUN_DIR, or beside the first of several); '
        'the plots go to PAGE_plots/ next to it',
    )
    add_data_root(parser, of='run')
    parser.add_argument('--images', type=int, default=24, help='images shown per cycle (default: 24)')


def main(arguments: argparse.Namespace) -> None:
    """Write the page."""
    from ..apis.run_report import open_run_images
    from ..visualization.report import write_report

    logger = configure_messages(arguments)
    page = write_report(
        arguments.run_dir,
        lambda record: open_run_images(record, arguments.data_root),
        arguments.out,
        images_per_cycle=max(arguments.images, 0),
    )
    logger.info('The report is written; open it in a browser.')
    print(page)


COMMAND = Command(__doc__, add_arguments, main)
