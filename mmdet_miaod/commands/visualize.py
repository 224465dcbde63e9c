"""Look at an image as the model sees it (uncertainty), or at the images of a cycle (split).

The paths of the pictures go to stdout.

example: %(prog)s uncertainty RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth photo.jpg --out maps
example: %(prog)s split RUN_DIR --cycle 1 --out sheets
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from ..cli.arguments import add_config, add_data_root, add_device, add_verbosity, help_style
from ..cli.command_line import Command, configure_messages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two sub-commands."""
    commands = parser.add_subparsers(required=True, metavar='uncertainty|split')
    maps = commands.add_parser(
        'uncertainty',
        help='heat maps of images',
        **help_style(
            'Heat maps of |p1 - p2|, the MIL weight w and their product, and the top instances.\n'
            'For each image: NNN_NAME_uncertainty.png and NNN_NAME_instances.csv.\n\n'
            'example: %(prog)s CONFIG model.pth photo.jpg --out maps',
        ),
    )
    maps.set_defaults(action=show_uncertainty)
    add_config(maps)
    maps.add_argument('checkpoint', help="a cycle's model.pth")
    maps.add_argument('images', nargs='+', metavar='IMAGE', help='image file')
    maps.add_argument('--out', required=True, metavar='DIR', help='where the pictures go')
    maps.add_argument('--top', type=int, default=10, help='instances shown (default: 10)')
    add_device(maps)
    split = commands.add_parser(
        'split',
        help='contact sheets of a cycle',
        **help_style(
            'Contact sheets of the labeled, the selected and the least uncertain images of a cycle.\n\n'
            'example: %(prog)s work_dirs/MI-AOD/RUN --cycle 1',
        ),
    )
    split.set_defaults(action=show_split)
    split.add_argument('run_dir', metavar='RUN_DIR', help='run directory')
    split.add_argument(
        '--cycle',
        type=int,
        help='number of the cycle (default: the newest with a selection, else the newest)',
    )
    split.add_argument('--out', metavar='DIR', help='where the sheets go (default: RUN_DIR/sheets/cycleN)')
    add_data_root(split, of='run')
    for command in (maps, split):
        add_verbosity(command, default=argparse.SUPPRESS)


def main(arguments: argparse.Namespace) -> None:
    """Run the sub-command that was asked for."""
    arguments.action(arguments)


def show_uncertainty(arguments: argparse.Namespace) -> None:
    """Draw the heat maps of each image."""
    from ..apis import init_detector
    from ..cli.launch import default_device
    from ..engine.live_bar import live_bar
    from ..run.files import write_file, write_text
    from ..visualization import heatmaps
    from ..visualization.figures import csv_text

    logger = configure_messages(arguments)
    model = init_detector(arguments.config, arguments.checkpoint, arguments.device or default_device())
    with live_bar('heat maps', len(arguments.images), show=not arguments.quiet) as advance:
        results = []
        for image in arguments.images:
            top = max(arguments.top, 1)
            results.append(heatmaps.uncertainty_maps(model, image, model.uncertainty_k, top))
            advance(1)
    limits = heatmaps.shared_limits(results)
    for number, result in enumerate(results, 1):
        stem = re.sub(r'[^\w.-]+', '_', Path(result.path).stem)[:80]
        base = Path(arguments.out) / f'{number:03d}_{stem}'
        figure = heatmaps.draw_maps(result, limits)
        picture = Path(f'{base}_uncertainty.png')
        write_file(picture, lambda file: figure.savefig(file, format='png', dpi=110))  # noqa: B023
        rows = [instance.row(rank) for rank, instance in enumerate(result.instances, 1)]
        write_text(f'{base}_instances.csv', csv_text(heatmaps.COLUMNS, rows))
        print(picture)
        logger.info('%s: uncertainty %.6g', result.path, result.uncertainty)


def show_split(arguments: argparse.Namespace) -> None:
    """Draw the contact sheets of a cycle."""
    from ..apis.run_report import open_run_images
    from ..visualization.contact_sheet import split_sheets, write_sheets
    from ..visualization.run_reader import read_run

    logger = configure_messages(arguments)
    record = read_run(arguments.run_dir)
    for problem in record.problems:
        logger.warning('%s', problem)
    images = open_run_images(record, arguments.data_root)
    cycle = arguments.cycle
    if cycle is None:
        queried = [number for number in record.cycles if len(record.selected(number))]
        cycle = max(queried or record.cycles)
    out = arguments.out or Path(arguments.run_dir) / 'sheets' / f'cycle{cycle}'
    numbers = ', '.join(f'{number} {name}' for number, name in enumerate(images.classes, 1))
    legend = f'Numbers on boxes: {numbers}. Images that were not labeled have none.'
    for name, entries in split_sheets(record, images, cycle).items():
        title = f'{name.replace("_", " ")}, cycle {cycle}: {len(entries)} images'
        if not entries:
            logger.info('%s: nothing to show', title)
        paths = write_sheets(
            out,
            name,
            title=title,
            entries=entries,
            thumbnail=lambda i: images.thumbnail(i, 200),
            legend=legend,
        )
        for path in paths:
            print(path)


COMMAND = Command(__doc__, add_arguments, main)
