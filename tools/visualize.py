"""Look at an image as the model sees it (uncertainty), or at the images of a cycle (split).

The paths of the pictures go to stdout.

example: python tools/visualize.py uncertainty RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth photo.jpg --out maps
example: python tools/visualize.py split RUN_DIR --cycle 1 --out sheets
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    from mmdet_miaod.cli.command_line import add_verbosity, help_style

    parser = argparse.ArgumentParser(**help_style(__doc__))
    commands = parser.add_subparsers(dest='command', required=True, metavar='uncertainty|split')
    maps = commands.add_parser(
        'uncertainty',
        help='heat maps of images',
        **help_style(
            'Heat maps of |p1 - p2|, the MIL weight w and their product, and the top instances.\n'
            'For each image: NNN_NAME_uncertainty.png and NNN_NAME_instances.csv.\n\n'
            'example: python tools/visualize.py uncertainty CONFIG model.pth photo.jpg --out maps',
        ),
    )
    maps.add_argument('config', help='config file, such as the one in the run directory')
    maps.add_argument('checkpoint', help="a cycle's model.pth")
    maps.add_argument('images', nargs='+', metavar='IMAGE', help='image file')
    maps.add_argument('--out', required=True, metavar='DIR', help='where the pictures go')
    maps.add_argument('--top', type=int, default=10, help='instances shown (default: 10)')
    maps.add_argument('--device', help='cpu or cuda:N (default: cuda:0 where there is a GPU, else cpu)')
    split = commands.add_parser(
        'split',
        help='contact sheets of a cycle',
        **help_style(
            'Contact sheets of the labeled, the selected and the least uncertain images of a cycle.\n\n'
            'example: python tools/visualize.py split work_dirs/MI-AOD/RUN --cycle 1',
        ),
    )
    split.add_argument('run_dir', metavar='RUN_DIR', help='run directory')
    split.add_argument(
        '--cycle',
        type=int,
        help='number of the cycle (default: the newest with a selection, else the newest)',
    )
    split.add_argument('--out', metavar='DIR', help='where the sheets go (default: RUN_DIR/sheets/cycleN)')
    split.add_argument('--data-root', help="where the data is (default: that of the run's config)")
    for command in (maps, split):
        add_verbosity(command)
    return parser.parse_args(arguments)


def show_uncertainty(arguments: argparse.Namespace) -> None:
    from mmdet_miaod.apis import init_detector
    from mmdet_miaod.cli.command_line import configure_messages
    from mmdet_miaod.cli.launch import default_device
    from mmdet_miaod.engine.live_bar import live_bar
    from mmdet_miaod.run.files import write_file, write_text
    from mmdet_miaod.visualization import heatmaps
    from mmdet_miaod.visualization.figures import csv_text

    logger = configure_messages(arguments)
    model = init_detector(arguments.config, arguments.checkpoint, arguments.device or default_device())
    with live_bar('heat maps', len(arguments.images), show=not arguments.quiet) as advance:
        results = []
        for image in arguments.images:
            results.append(
                heatmaps.uncertainty_maps(model, image, model.uncertainty_k, max(arguments.top, 1))
            )
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
    from mmdet_miaod.apis.run_report import open_run_images
    from mmdet_miaod.cli.command_line import configure_messages
    from mmdet_miaod.visualization.contact_sheet import split_sheets, write_sheets
    from mmdet_miaod.visualization.run_reader import read_run

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


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault('KMP_WARNINGS', '0')
    parsed = parse_arguments()
    from mmdet_miaod.cli.command_line import run_tool

    action = dict(uncertainty=show_uncertainty, split=show_split)[parsed.command]
    sys.exit(run_tool(lambda: action(parsed)))
