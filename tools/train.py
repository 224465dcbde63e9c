"""Run all active-learning cycles of a config, or go on with a run that was stopped.

example: python tools/train.py configs/MIAOD.py --data-root data/VOCdevkit --device cuda:0
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    # Before mmcv, which the package keeps from announcing itself.
    from mmdet_miaod.cli.command_line import EXIT_CODES  # isort: skip
    from mmcv import DictAction

    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir', help="where run directories are made (default: the config's work_directory)"
    )
    parser.add_argument('--run-name', help='name of the run directory (default: a timestamp)')
    parser.add_argument('--data-root', help="where the data is (default: the config's data_root)")
    parser.add_argument('--seed', type=int, help="seed of everything (default: the config's seed)")
    parser.add_argument('--deterministic', action='store_true', help='repeatable to the bit (on a CPU)')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='',
        metavar='RUN_DIR',
        help='go on with a run that was stopped (default: the newest of the work directory)',
    )
    parser.add_argument('--force', action='store_true', help='resume although the config or the data changed')
    parser.add_argument(
        '--init-split', nargs=2, metavar=('X_L.npy', 'X_U.npy'), help='begin with the split of an earlier run'
    )
    parser.add_argument(
        '--start-cycle', type=int, help='number of the cycle of --init-split (default: the first)'
    )
    parser.add_argument(
        '--load-from',
        metavar='MODEL.pth',
        help='the model that was trained on --init-split: go on with its evaluation and query',
    )
    parser.add_argument('--device', help='cpu or cuda:N (default: cuda:0 where there is a GPU, else cpu)')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides'
    )
    parser.add_argument('--no-report', action='store_true', help='do not write report.html')
    parser.add_argument('-q', '--quiet', action='store_true', help='show warnings and errors only')
    parser.add_argument('-v', '--verbose', action='store_true', help='show debug messages')
    # torch.distributed's older launcher passes it
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.resume is not None and options.init_split:
        parser.error('--resume goes on with a run, --init-split begins one: use one of them')
    if options.load_from and not options.init_split:
        parser.error("--load-from needs --init-split; a model's initial weights are the config key load_from")
    if options.start_cycle is not None and not options.init_split:
        parser.error('--start-cycle needs --init-split')
    return options


def main(arguments: argparse.Namespace, on_directory: Callable[[Path], None] = lambda path: None) -> None:
    from mmdet_miaod import distributed
    from mmdet_miaod.apis import RunOptions, StartingPoint, load_config, train
    from mmdet_miaod.apis.run_directory import newest_run
    from mmdet_miaod.cli.launch import default_device, start_processes

    device = start_processes(arguments.launcher, arguments.device or default_device())
    config = load_config(arguments.config, arguments.cfg_options, arguments.data_root)
    if arguments.work_dir is not None:
        config.work_directory = arguments.work_dir
    if arguments.seed is not None:
        config.seed = arguments.seed
    if arguments.verbose:
        config.log_level = 'DEBUG'
    start = None
    if arguments.init_split:
        cycle = config.cycles[0] if arguments.start_cycle is None else arguments.start_cycle
        start = StartingPoint(*arguments.init_split, cycle, arguments.load_from)
    resume = arguments.resume
    if resume == '':
        resume = distributed.on_main(lambda: str(newest_run(config.work_directory)))
    options = RunOptions(
        device=device,
        run_name=arguments.run_name,
        resume=resume,
        force=arguments.force,
        deterministic=arguments.deterministic,
        start=start,
        console_level='WARNING' if arguments.quiet else None,
        progress=not arguments.quiet,
        report=not arguments.no_report,
        on_directory=on_directory,
    )
    train(config, options)


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault('KMP_WARNINGS', '0')
    parsed = parse_arguments()
    from mmdet_miaod.cli.command_line import run_tool

    begun: list[Path] = []

    def resume_hint() -> str:
        if not begun:
            return ''
        return f'Go on with: python tools/train.py {parsed.config} --resume {begun[0]} and the same options.'

    sys.exit(run_tool(lambda: main(parsed, begun.append), resume_hint))
