"""Check environment, data and config, and estimate what a run takes: steps, time, disk, labels to draw.

example: %(prog)s configs/MIAOD.py --data-root data/VOCdevkit --device cuda:0

Annotation files are read of the test set and of the first labeled set, since no others exist where people
draw the labels after each query; --all-annotations reads those of the whole pool, which a finished data set
has and a simulated annotator will ask for.
"""

import argparse
import json

from ..cli.arguments import add_config, add_config_options, add_data_root, add_device, config_options
from ..cli.command_line import Command, configure_messages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config, and how much is checked."""
    add_config(parser)
    add_data_root(parser)
    parser.add_argument('--work-dir', help="where runs would be made (default: the config's work_directory)")
    add_device(parser)
    parser.add_argument('--quick', action='store_true', help='only what a run checks at its start')
    parser.add_argument(
        '--all-annotations', action='store_true', help='read the annotation files of the whole pool'
    )
    parser.add_argument(
        '--measured',
        metavar='FILE.jsonl',
        help='estimate the time on a GPU elsewhere from what scripts/gpu_check.sh --out kept there',
    )
    parser.add_argument('--strict', action='store_true', help='warnings fail, too')
    parser.add_argument('--json', action='store_true', help='print JSON with every file instead of a table')
    add_config_options(parser)


def main(arguments: argparse.Namespace) -> int:
    """Check and print; returns 0 when a run can start."""
    from rich.console import Console

    from ..apis.settings import load_settings
    from ..cli.launch import default_device
    from ..doctor.diagnose import diagnose, diagnose_without_config
    from ..doctor.measured import KNOWN, read_measurements
    from ..doctor.table import print_table

    configure_messages(arguments)
    measured = [*KNOWN, *(read_measurements(arguments.measured) if arguments.measured else ())]
    options = config_options(arguments.cfg_options)
    if arguments.work_dir is not None:
        options['work_directory'] = arguments.work_dir
    device = arguments.device or default_device()
    with Console(stderr=True, quiet=arguments.quiet).status('') as status:
        try:
            settings = load_settings(arguments.config, options, arguments.data_root)
        except Exception as error:  # a config is a program, which may fail in any way
            diagnosis = diagnose_without_config(error, device, arguments.work_dir)
        else:
            diagnosis = diagnose(
                settings,
                device,
                arguments.quick,
                arguments.all_annotations,
                lambda phase: status.update(f'checking: {phase}'),
                measured,
            )
    if arguments.json:
        print(json.dumps(diagnosis.to_json(), indent=1, allow_nan=False))
    else:
        console = Console()
        # In a file or a pipe rich would wrap at 80 columns.
        print_table(diagnosis, console if console.is_terminal else Console(width=160))
    return 0 if diagnosis.passed(arguments.strict) else 1


COMMAND = Command(
    __doc__,
    add_arguments,
    main,
    exit_codes='exit codes: 0 a run can start, 1 it cannot (--strict: or there are warnings), 2 wrong usage, '
    '130 interrupted, 143 terminated',
)
