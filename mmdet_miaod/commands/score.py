"""Rank images without annotations by how uncertain a model is about them, with the boxes that it predicts.

The uncertainty is MI-AOD's, the disagreement of the two classifiers, whatever query the config names.
Images that cannot be read are listed on stderr and skipped; the exit code stays 0 as long as one image could
be scored. With --out FILE, finished parts are kept in FILE.partial/: the same command resumes after a stop.

example: %(prog)s RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth photos/ --out ranking.csv
example: %(prog)s RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth list.txt --format json > ranking.json
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli.arguments import UsageError, add_config, add_device, positive
from ..cli.command_line import Command, configure_messages

if TYPE_CHECKING:
    from torch import nn

    from ..run.partial_ranking import PartialRanking


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, the images, and where the ranking goes."""
    add_config(parser)
    parser.add_argument('checkpoint', help="a cycle's model.pth")
    parser.add_argument(
        'images',
        nargs='+',
        metavar='DIR_OR_LIST',
        help='folder, image, or text file with one path per line (relative paths: from where that file is)',
    )
    parser.add_argument('--out', default='-', help='file to write (default: -, which is stdout)')
    parser.add_argument(
        '--format', choices=['csv', 'json'], help='default: json where --out ends in .json, else csv'
    )
    parser.add_argument('--top', type=positive, metavar='N', help='keep the N most uncertain images only')
    parser.add_argument('--copy-to', metavar='DIR', help='copy the images of --top into this new folder')
    parser.add_argument(
        '--exclude',
        metavar='LIST',
        help='text file of images that are left out, such as labeled ones: a path or a name per line',
    )
    add_device(parser)
    parser.add_argument('--batch-size', type=positive, default=2, help='images in a batch (default: 2)')
    parser.add_argument('--workers', type=int, default=0, help='loader processes (default: 0)')
    parser.add_argument(
        '--chunk-size', type=positive, default=256, help='images saved together (default: 256)'
    )


def main(arguments: argparse.Namespace) -> None:
    """Score the images that can be read, and write the ranking."""
    if arguments.copy_to is not None and arguments.top is None:
        raise UsageError('--copy-to needs --top N')
    from ..apis.ranking import RANKING_MARKS, check_copy_folder
    from ..run.outputs import check_outputs, claimed

    logger = configure_messages(arguments)
    if arguments.copy_to is not None:
        check_copy_folder(arguments.copy_to)
    listed = _listed(arguments, logger)
    if arguments.out == '-':
        return _rank(arguments, listed, logger)
    with claimed(arguments.out):
        reads = [arguments.config, arguments.checkpoint, *arguments.images, arguments.exclude or '', *listed]
        check_outputs([arguments.out], reads, RANKING_MARKS)
        return _rank(arguments, listed, logger)


def _rank(arguments: argparse.Namespace, listed: list[str], logger: logging.Logger) -> None:
    from ..apis import init_detector
    from ..apis.ranking import copy_images, rank_files, ranking_text
    from ..cli.launch import default_device
    from ..datasets.image_sources import find_readable, other_files
    from ..engine.live_bar import live_bar
    from ..run.files import write_text

    model = init_detector(arguments.config, arguments.checkpoint, arguments.device or default_device())
    partial = None if arguments.out == '-' else _open_partial(arguments, model, logger)
    known = () if partial is None else partial.entries
    with live_bar('checking', len(listed), show=not arguments.quiet) as advance:
        files, problems = find_readable(listed, known, advance)
    problems += other_files(arguments.images)
    for path, what in problems:
        logger.warning('skipped: %r: %s', path, what)
    if not files:
        raise ValueError('none of the images can be read')
    with live_bar('scoring', len(files), show=not arguments.quiet) as advance:
        entries = rank_files(
            model,
            files,
            partial,
            arguments.batch_size,
            arguments.workers,
            arguments.chunk_size,
            advance,
        )
    entries = entries[: arguments.top]
    suffix = Path(arguments.out).suffix.lower()
    text = ranking_text(entries, problems, arguments.format or ('json' if suffix == '.json' else 'csv'))
    if partial is None:
        sys.stdout.write(text)
    else:
        write_text(arguments.out, text)
        partial.close()
    if arguments.copy_to is not None:
        copy_images(entries, arguments.copy_to)
    logger.info('%d images were ranked, %d skipped.', len(files), len(problems))


def _listed(arguments: argparse.Namespace, logger: logging.Logger) -> list[str]:
    """Return the images that are named and not excluded."""
    from ..datasets.image_sources import list_images, without_listed

    listed = list_images(arguments.images)
    if arguments.exclude is None:
        return listed
    left = without_listed(listed, arguments.exclude)
    logger.info('%d of %d images are excluded.', len(listed) - len(left), len(listed))
    if not left:
        raise ValueError(f'--exclude {arguments.exclude}: it names every image')
    return left


def _open_partial(arguments: argparse.Namespace, model: nn.Module, logger: logging.Logger) -> PartialRanking:
    """Open what an earlier call scored of the same ranking."""
    from ..apis.ranking import scoring_identity
    from ..run.partial_ranking import PartialRanking

    partial = PartialRanking(arguments.out, scoring_identity(model, arguments.checkpoint))
    if not partial.open():
        logger.warning(
            '%s is of another model, config or version, or damaged: everything is scored again.',
            partial.folder,
        )
    elif partial.entries:
        logger.info('Resuming: %d images are scored already.', len(partial.entries))
    return partial


def hint(arguments: argparse.Namespace) -> str:
    """Return how to resume, if parts of the ranking are kept."""
    kept = any(Path(f'{arguments.out}.partial').glob('[0-9]*.json'))
    return 'The same command resumes where it stopped.' if kept else ''


COMMAND = Command(__doc__, add_arguments, main, hint=hint)
