"""Label photographs batch by batch: begin, label here or in a tool, read labels back, see how far it is.

example: %(prog)s start photographs/ --classes bolt nut --out work_dirs/bolts
example: %(prog)s label work_dirs/bolts
example: %(prog)s import work_dirs/bolts project-1-at-2026-01-31.json
"""

import argparse
from pathlib import Path

from ..cli.arguments import (
    UsageError,
    add_device,
    add_verbosity,
    help_style,
    positive,
)
from ..cli.command_line import Command, configure_messages
from ..cli.configs import find_config
from .annotate_label import add_label
from .labels_wanted import import_text, labels_wanted_text

_TOOLS = ('label-studio', 'cvat', 'coco')
_TEMPLATE = 'configs/MIAOD_photographs.py'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    commands = parser.add_subparsers(required=True, metavar='start|label|export|import|status')
    for add in (_add_start, add_label, _add_export, _add_import, _add_status):
        add_verbosity(add(commands), default=argparse.SUPPRESS)


def _add(commands: argparse._SubParsersAction, name: str, purpose: str, more: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=purpose, **help_style(f'{purpose.capitalize()}.\n\n{more}'))


def _add_start(commands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    start = _add(
        commands,
        'start',
        'begin a run of photographs: its config, its test set and its first batch',
        'The config is OUT.py and the run directory OUT; the batches are in OUT/batches.\n\n'
        'example: %(prog)s photographs/ --classes bolt nut --test-size 60 --out work_dirs/bolts',
    )
    start.set_defaults(action=start_run)
    start.add_argument('photographs', nargs='+', metavar='PHOTOS', help='folder of photographs')
    start.add_argument('--classes', nargs='+', required=True, metavar='NAME', help='what is to be found')
    start.add_argument('--out', required=True, type=Path, metavar='RUN_OR_CONFIG', help='run to make')
    start.add_argument('--to', choices=_TOOLS, default=_TOOLS[0], help='annotation tool (%(default)s)')
    for name, least, default, what in (
        ('--test-size', int, 0, 'images of the test set'),
        ('--first-size', positive, 40, 'images of the first batch'),
        ('--batch-size', positive, 40, 'images of each batch after it'),
        ('--cycles', positive, 6, 'how often to train'),
    ):
        start.add_argument(
            name, type=least, default=default, metavar='N', help=f'{what} (default: {default})'
        )
    start.add_argument(
        '--first', choices=['random', 'coreset'], default='random', help='how the first batch is chosen'
    )
    start.add_argument('--seed', type=int, default=666, help='seed of everything (default: %(default)s)')
    start.add_argument(
        '--base', type=find_config, default=_TEMPLATE, metavar='CONFIG', help='what the config inherits from'
    )
    add_device(start)
    return start


def _add_export(commands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    export = _add(
        commands,
        'export',
        'write the files of a batch for an annotation tool',
        'Its folder goes to stdout; README.txt in it has the steps. With --url the project is made on\n'
        'a server; the token is in LABEL_STUDIO_API_KEY or CVAT_ACCESS_TOKEN of the environment.\n\n'
        'example: %(prog)s work_dirs/bolts --to cvat\n'
        'example: %(prog)s work_dirs/bolts --to label-studio --url http://localhost:8080',
    )
    export.set_defaults(action=export_batch)
    _add_run(export)
    export.add_argument('--to', choices=_TOOLS, required=True, help='annotation tool')
    export.add_argument('--url', help='Label Studio, CVAT: make project and tasks on this server')
    export.add_argument(
        '--document-root',
        type=Path,
        metavar='DIR',
        help='of Label Studio: LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT (default: RUN/batches)',
    )
    export.add_argument('--batch', type=int, metavar='N', help='its number (default: those that wait)')
    return export


def _add_import(commands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    read = _add(
        commands,
        'import',
        'read labels that an annotation tool exported',
        'All of a file is imported or nothing; importing it twice is importing it once.\n\n'
        'example: %(prog)s work_dirs/bolts project-1-at-2026-01-31.json\n'
        'example: %(prog)s work_dirs/bolts --from http://localhost:8080',
    )
    read.set_defaults(action=import_labels)
    _add_run(read)
    read.add_argument('files', nargs='*', metavar='FILE', help='exported file, archive or folder')
    read.add_argument('--from', dest='url', metavar='URL', help='Label Studio, CVAT: fetch from this server')
    read.add_argument(
        '--all-reviewed', action='store_true', help='I looked at every image of the file, also at empty ones'
    )
    read.add_argument('--first-pixel', type=int, choices=[0, 1], help='VOC: number of the first pixel')
    read.add_argument(
        '--accept-partial',
        action='store_true',
        help='go on although images are not reviewed: they return to the pool',
    )
    return read


def _add_status(commands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    status = _add(
        commands, 'status', 'tell how far the batches of a run are', 'example: %(prog)s work_dirs/bolts'
    )
    status.set_defaults(action=show_status)
    _add_run(status)
    return status


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('run_dir', type=Path, metavar='RUN', help='run directory')


def main(arguments: argparse.Namespace) -> None:
    """Run the sub-command that was asked for."""
    arguments.action(arguments)


def start_run(arguments: argparse.Namespace) -> None:
    """Write the config, and begin the run: it ends when it wants labels."""
    from ..active.annotator import LabelsWanted
    from ..annotation.photograph_config import PhotographRun
    from ..apis import RunOptions, load_config, train
    from ..cli.launch import default_device

    run = PhotographRun(
        photographs=arguments.photographs,
        classes=arguments.classes,
        out=arguments.out,
        base=arguments.base,
        tool=arguments.to,
        first=arguments.first,
        test_size=arguments.test_size,
        first_size=arguments.first_size,
        batch_size=arguments.batch_size,
        cycles=arguments.cycles,
        seed=arguments.seed,
    )
    path = run.write_config()
    place = dict(resume=str(run.directory)) if run.was_begun() else dict(run_name=run.directory.name)
    options = RunOptions(
        device=arguments.device or default_device(),
        console_level='WARNING',
        progress=not arguments.quiet,
        **place,
    )
    try:
        train(load_config(path), options)
    except LabelsWanted as wanted:
        print(labels_wanted_text(wanted, arguments.prog))


def export_batch(arguments: argparse.Namespace) -> None:
    """Write the tool's files into the folders of batches, and send these to a server."""
    if arguments.url is not None and arguments.to == 'coco':
        raise UsageError('--url is for --to label-studio and --to cvat')
    from ..annotation.importing import export_batches

    logger = configure_messages(arguments)
    numbers, folders = export_batches(arguments.run_dir, arguments.to, arguments.batch)
    for folder in folders:
        logger.info('The steps are in %s.', folder / 'README.txt')
    if arguments.url is not None:
        from ..annotation.cvat_server import CvatServer
        from ..annotation.label_studio_server import LabelStudioServer
        from ..annotation.run_server import send_batches

        if arguments.to == 'cvat':
            server = CvatServer.from_environment(arguments.url)
        else:
            server = LabelStudioServer.from_environment(arguments.url, arguments.document_root)
        folders = send_batches(arguments.run_dir, numbers, server)
    print('\n'.join(map(str, folders)))


def import_labels(arguments: argparse.Namespace) -> None:
    """Import files one after another, and tell what was in them."""
    from ..annotation.importing import import_file

    if bool(arguments.files) == (arguments.url is not None):
        raise UsageError('give files, or --from URL')
    paths = arguments.files
    if arguments.url is not None:
        from ..annotation.run_server import fetch_exports, find_server

        paths = fetch_exports(arguments.run_dir, find_server(arguments.url))
    for path in paths:
        done = import_file(
            arguments.run_dir,
            path,
            all_reviewed=arguments.all_reviewed,
            first_pixel=arguments.first_pixel,
            accept_partial=arguments.accept_partial,
        )
        for entry in done:
            print(import_text(entry, path))


def show_status(arguments: argparse.Namespace) -> None:
    """Print a table of the batches."""
    from tabulate import tabulate

    from ..annotation.importing import status_rows

    rows = status_rows(arguments.run_dir)
    print(tabulate(rows, headers='firstrow', tablefmt='github', disable_numparse=True))


COMMAND = Command(__doc__, add_arguments, main)
