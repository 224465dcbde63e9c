"""Draw a small data set, run all active-learning cycles on it on the CPU and print their table.

example: %(prog)s --seed 1
A short one: %(prog)s --cycles 2
"""

import argparse
import json
import shlex
import sys
import time

from ..cli.arguments import add_config_options, add_data_root, config_options, positive
from ..cli.command_line import Command
from ..cli.configs import find_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be changed about the demo."""
    parser.add_argument(
        '--config', type=find_config, default='configs/MIAOD_demo.py', help='(default: configs/MIAOD_demo.py)'
    )
    add_data_root(parser)
    parser.add_argument(
        '--work-dir', help="where run directories are made (default: the config's work_directory)"
    )
    parser.add_argument('--run-name', help='name of the run directory (default: a timestamp)')
    parser.add_argument('--seed', type=int, help="seed of the run (default: the config's seed)")
    parser.add_argument('--cycles', type=positive, help='run this many cycles (default: all)')
    add_config_options(parser)


def main(arguments: argparse.Namespace) -> None:
    """Draw, train and print."""
    import torch

    from ..apis import RunOptions, load_config, train
    from ..datasets.drawn.voc import draw_voc
    from ..run.metrics import METRICS_NAME, cycle_table

    # The tensors are too small to share out, and sums over another number of threads round differently.
    torch.set_num_threads(1)
    started = time.monotonic()
    config = load_config(arguments.config, config_options(arguments.cfg_options), arguments.data_root)
    data_root = draw_voc(config.data_root, **config.drawing)
    _say(f'Data: {data_root}', arguments.quiet)
    if arguments.work_dir is not None:
        config.work_directory = arguments.work_dir
    if arguments.seed is not None:
        config.seed = arguments.seed
    if arguments.cycles is not None:
        config.cycles = list(config.cycles)[: arguments.cycles]
    if arguments.verbose:
        config.log_level = 'DEBUG'
    options = RunOptions(
        command=shlex.join(sys.argv),
        device='cpu',
        run_name=arguments.run_name,
        console_level='WARNING' if arguments.quiet else None,
        progress=not arguments.quiet,
    )
    run = train(config, options)
    print(cycle_table(json.loads((run / METRICS_NAME).read_text(encoding='utf-8'))))
    _say(
        f'{time.monotonic() - started:.0f} s. The data is in {data_root}; the run is in {run}: splits '
        '(X_L_*.npy, X_U_*.npy), models and scores (cycle*), metrics.json, report.html, the log.',
        arguments.quiet,
    )


def _say(message: str, quiet: bool) -> None:
    if not quiet:
        sys.stderr.write(f'{message}\n')


COMMAND = Command(__doc__, add_arguments, main)
