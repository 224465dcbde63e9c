"""Look at images as a model sees them (uncertainty), as cycles split them (split), as they train it (browse).

The paths of the pictures go to stdout.

example: %(prog)s uncertainty RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth photo.jpg --out maps
example: %(prog)s split RUN_DIR --cycle 1 --out sheets
example: %(prog)s browse configs/mine.py --out pictures
"""

from __future__ import annotations

import argparse
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli.arguments import add_config, add_data_root, add_device, add_verbosity, help_style, positive
from ..cli.command_line import Command, configure_messages
from ..cli.configs import find_config

if TYPE_CHECKING:
    from ..visualization.run_images import RunImages
    from ..visualization.run_reader import RunRecord


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    commands = parser.add_subparsers(required=True, metavar='uncertainty|split|browse')
    for add in (_add_uncertainty, _add_split, _add_browse):
        add_verbosity(add(commands), default=argparse.SUPPRESS)


def _add_uncertainty(commands: argparse._SubParsersAction) -> argparse.ArgumentParser:
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
    return maps


def _add_split(commands: argparse._SubParsersAction) -> argparse.ArgumentParser:
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
    return split


def _add_browse(commands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    browse = commands.add_parser(
        'browse',
        help='training images: files, labels, augmentation',
        **help_style(
            'Labeled and unlabeled images of the pool: as the files are, with their boxes, and beside that\n'
            'as some draws of the augmentation make them. Of a run those of its newest cycle; of a config\n'
            'the annotations of COUNT images are read.\n\n'
            'example: %(prog)s configs/mine.py --out pictures',
        ),
    )
    browse.set_defaults(action=browse_images)
    browse.add_argument('source', metavar='CONFIG|RUN_DIR', help='config or run directory')
    browse.add_argument('--out', required=True, metavar='DIR', help='where the pictures go')
    browse.add_argument('--count', type=positive, default=10, help='images of each kind (default: 10)')
    browse.add_argument('--draws', type=positive, default=3, help='augmented versions of each (default: 3)')
    add_data_root(browse)
    return browse


def main(arguments: argparse.Namespace) -> None:
    """Run the sub-command that was asked for."""
    arguments.action(arguments)


def show_uncertainty(arguments: argparse.Namespace) -> None:
    """Draw the heat maps of each image."""
    from ..run.outputs import check_outputs, claimed
    from ..visualization.heatmaps import COLUMNS

    logger = configure_messages(arguments)
    named = enumerate(map(_file_stem, arguments.images), 1)
    bases = [Path(arguments.out) / f'{number:03d}_{stem}' for number, stem in named]
    with claimed(arguments.out):
        reads = (arguments.config, arguments.checkpoint, *arguments.images)
        check_outputs([f'{base}_uncertainty.png' for base in bases], reads)
        check_outputs([f'{base}_instances.csv' for base in bases], reads, [','.join(COLUMNS)])
        _draw_maps(arguments, bases, logger)


def _draw_maps(arguments: argparse.Namespace, bases: list[Path], logger: logging.Logger) -> None:
    from ..apis import init_detector
    from ..cli.launch import default_device
    from ..engine.live_bar import live_bar
    from ..run.files import write_file, write_text
    from ..run.outputs import MARK
    from ..visualization import heatmaps
    from ..visualization.figures import csv_text

    model = init_detector(arguments.config, arguments.checkpoint, arguments.device or default_device())
    k, top = model.uncertainty_k, max(arguments.top, 1)
    with live_bar('heat maps', len(arguments.images), show=not arguments.quiet) as advance:
        results = []
        for image in arguments.images:
            results.append(heatmaps.uncertainty_maps(model, image, k, top))
            advance(1)
    limits = heatmaps.shared_limits(results)
    save = dict(format='png', dpi=110, metadata=dict(Software=MARK))
    for base, result in zip(bases, results, strict=True):
        figure = heatmaps.draw_maps(result, limits)
        picture = Path(f'{base}_uncertainty.png')
        write_file(picture, lambda file: figure.savefig(file, **save))  # noqa: B023
        rows = [instance.row(rank) for rank, instance in enumerate(result.instances, 1)]
        write_text(f'{base}_instances.csv', csv_text(heatmaps.COLUMNS, rows))
        print(picture)
        logger.info('%s: uncertainty %.6g', result.path, result.uncertainty)


def show_split(arguments: argparse.Namespace) -> None:
    """Draw the contact sheets of a cycle."""
    from ..apis.run_report import open_run_images
    from ..run.outputs import claimed
    from ..run.own_paths import own_path
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
    out = Path(arguments.out) if arguments.out else own_path(arguments.run_dir, f'sheets/cycle{cycle}')
    with claimed(out):
        _draw_sheets(out, cycle, record, images, logger)


def _draw_sheets(out: Path, cycle: int, record: RunRecord, images: RunImages, logger: logging.Logger) -> None:
    from ..visualization.contact_sheet import split_sheets, write_sheets

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


def browse_images(arguments: argparse.Namespace) -> None:
    """Draw labeled and unlabeled images and their augmentation."""
    import numpy as np

    from ..apis.run_report import open_config_images, open_run_images
    from ..engine.live_bar import live_bar
    from ..run.outputs import claimed
    from ..visualization.box_drawing import save_picture
    from ..visualization.run_reader import read_run
    from ..visualization.training_pictures import training_picture

    configure_messages(arguments)
    if Path(arguments.source).is_dir():
        record = read_run(arguments.source)
        images = open_run_images(record, arguments.data_root)
        labeled = record.labeled[max(record.labeled)]
    else:
        config = find_config(arguments.source)
        images, labeled = open_config_images(config, arguments.data_root, arguments.count)
    unlabeled = np.setdiff1d(np.arange(len(images.index)), labeled)
    chosen = {
        name: indices[np.unique(np.linspace(0, len(indices) - 1, arguments.count, dtype=int))]
        for name, indices in dict(labeled=labeled, unlabeled=unlabeled).items()
        if len(indices)
    }
    total = sum(map(len, chosen.values()))
    with claimed(arguments.out), live_bar('pictures', total, show=not arguments.quiet) as advance:
        for name, indices in chosen.items():
            for i in indices.tolist():
                path = Path(arguments.out) / f'{name}_{i:06d}_{_file_stem(images.name(i))}.jpg'
                save_picture(training_picture(images, i, arguments.draws), path)
                print(path)
                advance(1)


def _file_stem(path: str) -> str:
    """Return the name of an image as a part of a file name."""
    return re.sub(r'[^\w.-]+', '_', Path(path).stem)[:80]


COMMAND = Command(__doc__, add_arguments, main)
