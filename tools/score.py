"""Rank images without annotations by how uncertain a model is about them, with the boxes that it predicts.

The uncertainty is MI-AOD's, the disagreement of the two classifiers, whatever query the config names.
Images that cannot be read are listed on stderr and skipped; the exit code stays 0 as long as one image could
be scored. With --out FILE, finished parts are kept in FILE.partial/: the same command goes on after a stop.

example: python tools/score.py RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth photos/ --out ranking.csv
example: python tools/score.py RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth list.txt --format json > ranking.json
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    from mmdet_miaod.cli.command_line import tool_parser

    parser = tool_parser(__doc__)
    parser.add_argument('config', help='config file, such as the one in the run directory')
    parser.add_argument('checkpoint', help="a cycle's model.pth")
    parser.add_argument(
        'images',
        nargs='+',
        metavar='DIR_OR_LIST',
        help='folder, image, or text file with one path a line (relative paths: from where that file is)',
    )
    parser.add_argument('--out', default='-', help='file to write (default: -, which is stdout)')
    parser.add_argument(
        '--format', choices=['csv', 'json'], help='default: json where --out ends in .json, else csv'
    )
    parser.add_argument('--device', help='cpu or cuda:N (default: cuda:0 where there is a GPU, else cpu)')
    parser.add_argument('--batch-size', type=int, default=2, help='images in a batch (default: 2)')
    parser.add_argument('--workers', type=int, default=0, help='loader processes (default: 0)')
    parser.add_argument('--chunk-size', type=int, default=256, help='images saved together (default: 256)')
    options = parser.parse_args(arguments)
    for name in ('batch_size', 'chunk_size'):
        if getattr(options, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')
    return options


def main(arguments: argparse.Namespace) -> None:
    from mmdet_miaod.apis import init_detector
    from mmdet_miaod.apis.inference import find_readable, list_images
    from mmdet_miaod.apis.ranking import PartialRanking, rank_files, ranking_text, scoring_identity
    from mmdet_miaod.cli.command_line import configure_messages
    from mmdet_miaod.cli.launch import default_device
    from mmdet_miaod.engine.live_bar import live_bar
    from mmdet_miaod.run.files import write_text

    logger = configure_messages(arguments)
    model = init_detector(arguments.config, arguments.checkpoint, arguments.device or default_device())
    listed = list_images(arguments.images)
    to_file = arguments.out != '-'
    partial = None
    if to_file:
        partial = PartialRanking(arguments.out, scoring_identity(model, arguments.checkpoint))
        if not partial.open():
            logger.warning('%s is of another model or config: everything is scored again.', partial.folder)
        elif partial.entries:
            logger.info('Going on: %d images are scored already.', len(partial.entries))
    known = partial.entries if to_file else ()
    with live_bar('checking', len(listed), show=not arguments.quiet) as advance:
        files, problems = find_readable(listed, known, advance)
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
    suffix = Path(arguments.out).suffix.lower()
    text = ranking_text(entries, problems, arguments.format or ('json' if suffix == '.json' else 'csv'))
    if to_file:
        write_text(arguments.out, text)
        partial.close()
    else:
        sys.stdout.write(text)
    logger.info('%d images were ranked, %d skipped.', len(entries), len(problems))


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault('KMP_WARNINGS', '0')
    parsed = parse_arguments()
    from mmdet_miaod.cli.command_line import run_tool

    def resume_hint() -> str:
        begun = Path(f'{parsed.out}.partial').is_dir()
        return 'The same command goes on where it stopped.' if begun else ''

    sys.exit(run_tool(lambda: main(parsed), resume_hint))
