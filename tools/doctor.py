"""Check environment, data and config, and estimate what a run takes: steps, time, disk, labels to draw.

example: python tools/doctor.py configs/MIAOD.py --data-root data/VOCdevkit --device cuda:0

Annotation files are read of the test set and of the first labeled set, since no others exist where people
draw the labels after each query; --all-annotations reads those of the whole pool, which a finished data set
has and a simulated annotator will ask for.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    from mmcv import DictAction

    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='exit codes: 0 a run can start, 1 it cannot (--strict: or there are warnings), 2 wrong usage',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('--data-root', help="where the data is (default: the config's data_root)")
    parser.add_argument('--work-dir', help="where runs would be made (default: the config's work_directory)")
    parser.add_argument('--device', help='cpu or cuda:N (default: cuda:0 where there is a GPU, else cpu)')
    parser.add_argument('--quick', action='store_true', help='only what tools/train.py checks at its start')
    parser.add_argument(
        '--all-annotations', action='store_true', help='read the annotation files of the whole pool'
    )
    parser.add_argument('--strict', action='store_true', help='warnings fail, too')
    parser.add_argument('--json', action='store_true', help='print JSON with every file instead of a table')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides'
    )
    return parser.parse_args(arguments)


def main(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from mmdet_miaod.apis.settings import load_settings
    from mmdet_miaod.cli.launch import default_device
    from mmdet_miaod.doctor.diagnose import diagnose
    from mmdet_miaod.doctor.table import print_table

    options = dict(arguments.cfg_options or {})
    if arguments.work_dir is not None:
        options['work_directory'] = arguments.work_dir
    settings = load_settings(arguments.config, options, arguments.data_root)
    with Console(stderr=True).status('') as status:
        diagnosis = diagnose(
            settings,
            arguments.device or default_device(),
            arguments.quick,
            arguments.all_annotations,
            lambda phase: status.update(f'checking: {phase}'),
        )
    if arguments.json:
        print(json.dumps(diagnosis.to_json(), indent=1, allow_nan=False))
    else:
        console = Console()
        # In a file or a pipe rich would wrap at 80 columns.
        print_table(diagnosis, console if console.is_terminal else Console(width=160))
    return 0 if diagnosis.passed(arguments.strict) else 1


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault('KMP_WARNINGS', '0')
    try:
        import mmdet_miaod  # noqa: F401 (checks the stack before anything else is imported)
    except ImportError as error:
        sys.exit(f'error: {error}')
    parsed = parse_arguments()
    from mmdet_miaod.cli.command_line import run_tool

    sys.exit(run_tool(lambda: main(parsed)))
