"""Draw a small data set, run all active-learning cycles on it on the CPU and print their table.

example: python tools/demo.py --seed 1
A short one: python tools/demo.py --cycles 2
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    # Before mmcv, which the package keeps from announcing itself.
    from mmdet_miaod.cli.command_line import EXIT_CODES  # isort: skip
    from mmcv import DictAction

    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--config', default=str(ROOT / 'configs' / 'MIAOD_demo.py'), help='(default: configs/MIAOD_demo.py)'
    )
    parser.add_argument('--data-root', help="where to draw the data (default: the config's data_root)")
    parser.add_argument(
        '--work-dir', help="where run directories are made (default: the config's work_directory)"
    )
    parser.add_argument('--run-name', help='name of the run directory (default: a timestamp)')
    parser.add_argument('--seed', type=int, help="seed of the run (default: the config's seed)")
    parser.add_argument('--cycles', type=_positive, help='run this many cycles (default: all)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides'
    )
    parser.add_argument('-q', '--quiet', action='store_true', help='show the table, warnings and errors only')
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{text}: at least 1 is needed')
    return number


def main(arguments: argparse.Namespace) -> None:
    import torch

    from mmdet_miaod.apis import RunOptions, load_config, train
    from mmdet_miaod.datasets.drawn.voc import draw_voc

    # The tensors are too small to share out, and sums over another number of threads round differently.
    torch.set_num_threads(1)
    started = time.monotonic()
    config = load_config(arguments.config, arguments.cfg_options, arguments.data_root)
    data_root = draw_voc(config.data_root, **config.drawing)
    _say(f'Data: {data_root}', arguments.quiet)
    if arguments.work_dir is not None:
        config.work_directory = arguments.work_dir
    if arguments.seed is not None:
        config.seed = arguments.seed
    if arguments.cycles is not None:
        config.cycles = list(config.cycles)[: arguments.cycles]
    options = RunOptions(
        device='cpu',
        run_name=arguments.run_name,
        console_level='WARNING' if arguments.quiet else None,
        progress=not arguments.quiet,
    )
    run = train(config, options)
    print(demo_table(json.loads((run / 'metrics.json').read_text(encoding='utf-8'))))
    _say(
        f'{time.monotonic() - started:.0f} s. The data is in {data_root}; the run is in {run}: splits '
        '(X_L_*.npy, X_U_*.npy), models and scores (cycle*), metrics.json, report.html, the log.',
        arguments.quiet,
    )


def demo_table(cycles: list[dict]) -> str:
    """Return the table of cycles from the entries of ``metrics.json``."""
    from terminaltables import AsciiTable

    rows = [['cycle', 'labeled images', 'mAP', 'time (s)']]
    for entry in cycles:
        score = '-' if entry['mAP'] is None else f'{entry["mAP"]:.3f}'
        seconds = f'{sum(entry["seconds"].values()):.0f}'
        rows.append([str(entry['cycle']), str(entry['labeled']), score, seconds])
    return AsciiTable(rows).table


def _say(message: str, quiet: bool) -> None:
    if not quiet:
        sys.stderr.write(f'{message}\n')


if __name__ == '__main__':
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault('KMP_WARNINGS', '0')
    parsed = parse_arguments()
    from mmdet_miaod.cli.command_line import run_tool

    sys.exit(run_tool(lambda: main(parsed)))
