"""``annotate label``: a page of this machine on which a person labels the batches that wait."""

import argparse
import os
import sys
import tempfile
import webbrowser
from contextlib import ExitStack
from pathlib import Path

from ..cli.arguments import UsageError, help_style
from ..cli.command_line import configure_messages
from .labels_wanted import import_text, re_named, resume_command

_PURPOSE = 'label the batches that wait on a page of this machine'
_MORE = (
    'The page is for the browsers of this machine alone. Each change is saved at once; "Finish" or Ctrl-C\n'
    'ends the command, which imports the labels. Start it again to go on.\n\n'
    'example: %(prog)s work_dirs/bolts'
)


def add_label(commands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Add the sub-command."""
    style = help_style(f'{_PURPOSE.capitalize()}.\n\n{_MORE}')
    label = commands.add_parser('label', help=_PURPOSE, **style)
    label.set_defaults(action=label_batches)
    label.add_argument('run_dir', type=Path, metavar='RUN', help='run directory')
    label.add_argument('--batch', type=int, metavar='N', help='its number (default: those that wait)')
    label.add_argument('--port', type=int, default=0, metavar='N', help='of 127.0.0.1 (default: a free one)')
    label.add_argument('--no-browser', action='store_true', help='print the address, open no browser')
    return label


def label_batches(arguments: argparse.Namespace) -> None:
    """Show the page until the person is finished, and import what was said."""
    if not 0 <= arguments.port < 1 << 16:
        raise UsageError('argument --port: 0 to 65535')
    from ..annotation.importing import import_file, locked_run, waiting_batches
    from ..annotation.label_page import PAGE_FILE, PageLabels
    from ..annotation.label_page_server import serve

    logger = configure_messages(arguments)
    with ExitStack() as stack:
        stack.enter_context(locked_run(arguments.run_dir))
        waiting = waiting_batches(arguments.run_dir)
        numbers = waiting if arguments.batch is None else [arguments.batch]
        if not numbers or set(numbers) - set(waiting):
            found = ', '.join(map(str, waiting)) or 'none'
            raise ValueError(f'{arguments.run_dir}: batches that wait for labels: {found}')
        folders = [arguments.run_dir / 'batches' / str(number) for number in numbers]
        pages = [PageLabels.open(folder) for folder in folders]

        def tell(address: str) -> None:
            print(address, flush=True)
            logger.info(
                'Label in a browser; "Finish" there, or Ctrl-C here, ends this and imports the labels.'
            )
            if not arguments.no_browser:
                stack.callback(os.unlink, open_browser(address))

        serve(pages, arguments.port, tell)
    for folder in folders:
        if (folder / PAGE_FILE).exists():
            for entry in import_file(arguments.run_dir, folder / PAGE_FILE):
                print(import_text(entry, str(folder / PAGE_FILE)))
    left = sum(entry['state'] == 'untouched' for page in pages for entry in page.entries())
    annotate, train = (re_named(arguments.prog, name) for name in ('annotate', 'train'))
    if left:
        print(f'{left} images are not decided. Go on with: {annotate} label {arguments.run_dir}')
    else:
        print(f'Resume with: {resume_command(train, arguments.run_dir)}')


def open_browser(address: str) -> str:
    """Open an address that nobody else should see; returns a file to delete afterwards.

    The browser's command line, which all users of a machine can read, has the name of the file in place of
    the address.
    """
    text = f'<meta charset="utf-8"><meta http-equiv="refresh" content="0; url={address}">'
    with tempfile.NamedTemporaryFile('w', suffix='.html', prefix='label-', delete=False) as file:
        file.write(text)
    # Without a display there are browsers in text alone, which would take the terminal.
    if sys.platform != 'linux' or {'DISPLAY', 'WAYLAND_DISPLAY'} & os.environ.keys():
        webbrowser.open(Path(file.name).as_uri())
    return file.name
