"""Run all active-learning cycles of a config, or resume a run that was stopped.

example: %(prog)s configs/MIAOD.py --data-root data/VOCdevkit --device cuda:0
         %(prog)s --resume work_dirs/MI-AOD/RUN_DIR
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cli.arguments import (
    EXIT_CODES,
    LABELS_WANTED,
    UsageError,
    add_config,
    add_config_options,
    add_data_root,
    add_device,
    config_options,
)
from ..cli.command_line import Command
from .labels_wanted import labels_wanted_text, re_named, resume_command

if TYPE_CHECKING:
    from ..run.starting_point import StartingPoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a run is made of, where it goes, and what it begins with."""
    add_config(parser, nargs='?')
    parser.add_argument(
        '--work-dir', help="where run directories are made (default: the config's work_directory)"
    )
    parser.add_argument('--run-name', help='name of the run directory (default: a timestamp)')
    add_data_root(parser)
    parser.add_argument('--seed', type=int, help="seed of everything (default: the config's seed)")
    parser.add_argument('--deterministic', action='store_true', help='repeatable to the bit (on a CPU)')
    parser.add_argument(
        *('--resume', '--resume-from'),
        nargs='?',
        const='',
        metavar='RUN_DIR',
        help='resume a run that was stopped, with its own config and options unless others are given '
        '(default: the newest of the work directory)',
    )
    parser.add_argument(
        '--auto-resume',
        action='store_true',
        help='resume the run of --run-name, or the newest of the work directory, if there is one',
    )
    parser.add_argument('--force', action='store_true', help='resume although the config or the data changed')
    _add_starting_point(parser)
    _add_processes(parser)
    add_config_options(parser)
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate the cycles')
    parser.add_argument('--no-report', action='store_true', help='do not write report.html')
    parser.set_defaults(run_directory=None)


def _add_starting_point(parser: argparse.ArgumentParser) -> None:
    """Add what the run takes over from an earlier one."""
    parser.add_argument(
        '--init-split',
        nargs='+',
        metavar=('X_L.npy', 'X_U.npy'),
        help='begin with the split of an earlier run, or with the images named in its folder RUN_DIR/cycleN',
    )
    parser.add_argument(
        '--start-cycle', type=int, help='number of the cycle of --init-split (default: the first)'
    )
    parser.add_argument(
        '--load-from',
        metavar='MODEL.pth',
        help='the model that was trained on --init-split: begin with its evaluation and query',
    )


def _add_processes(parser: argparse.ArgumentParser) -> None:
    """Add where the run runs."""
    add_device(parser)
    parser.add_argument('--gpu-id', dest='device', type=_gpu, metavar='N', help='the same as --device cuda:N')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # torch.distributed's older launcher passes it
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)


def _gpu(text: str) -> str:
    """Type of ``--gpu-id``."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'{text!r} is no number of a GPU')
    return f'cuda:{int(text)}'


def main(arguments: argparse.Namespace) -> int:
    """Train, and note the run directory for :func:`hint`; returns 4 when labels are wanted."""
    from .. import distributed
    from ..active.annotator import LabelsWanted
    from ..apis import RunOptions, load_config, train
    from ..cli.launch import default_device, start_processes
    from ..config.files import run_config
    from ..run.lookup import begun_run, newest_run, options_of_run

    resume = _named_run(arguments)
    changes = (config_options(arguments.cfg_options), arguments.data_root)
    config = load_config(arguments.config, *changes) if arguments.config else run_config(resume, *changes)
    for key, value in _own_values(arguments).items():
        config[key] = value
    if resume == '':
        resume = str(newest_run(config.work_directory))
    elif resume is None and arguments.auto_resume:
        resume = begun_run(config.work_directory, arguments.run_name)
    before = {} if resume is None else options_of_run(resume).get('session', {})
    device = start_processes(arguments.launcher, arguments.device or before.get('device') or default_device())
    options = RunOptions(
        command=shlex.join(sys.argv),
        device=device,
        run_name=arguments.run_name,
        resume=resume,
        force=arguments.force,
        deterministic=arguments.deterministic or before.get('deterministic', False),
        start=_starting_point(arguments, config.get('cycles') or [0]),
        console_level='WARNING' if arguments.quiet else None,
        progress=not arguments.quiet,
        report=not arguments.no_report and before.get('report', True),
        on_directory=lambda directory: setattr(arguments, 'run_directory', directory),
    )
    try:
        train(config, options)
    except LabelsWanted as wanted:
        if distributed.is_main():
            print(labels_wanted_text(wanted, arguments.prog))
        return LABELS_WANTED
    return 0


def _named_run(arguments: argparse.Namespace) -> str | None:
    """Return the directory of the run to resume; ``''``: the newest one of the config that is given."""
    from ..run.lookup import check_run_directory, newest_run

    resume = arguments.resume
    if resume and resume.endswith('.pth'):  # as MMDetection names it: RUN_DIR/latest.pth
        resume = str(Path(resume).parent)
    if arguments.config is None:
        resume = resume or str(newest_run(arguments.work_dir))
        check_run_directory(Path(resume))
    return resume


def _own_values(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the values of config keys that have an option of their own."""
    log_level = 'DEBUG' if arguments.verbose else None
    values = dict(work_directory=arguments.work_dir, seed=arguments.seed, log_level=log_level)
    values = {key: value for key, value in values.items() if value is not None}
    return {**values, 'evaluation': None} if arguments.no_validate else values


def _starting_point(arguments: argparse.Namespace, cycles: list[int]) -> StartingPoint | None:
    from ..run.starting_point import StartingPoint

    if not arguments.init_split:
        return None
    cycle = cycles[0] if arguments.start_cycle is None else arguments.start_cycle
    labeled, unlabeled = arguments.init_split * (2 if len(arguments.init_split) == 1 else 1)
    return StartingPoint(labeled, unlabeled, cycle, arguments.load_from)


def check(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    if arguments.init_split:
        if arguments.resume is not None:
            raise UsageError('--resume is for a run that was stopped, --init-split for a new one')
        given = arguments.init_split
        if len(given) > 2 or (len(given) == 1 and not os.path.isdir(given[0])):
            raise UsageError('--init-split takes X_L.npy and X_U.npy, or the folder of a cycle')
    elif arguments.load_from:
        raise UsageError('--load-from needs --init-split; initial weights are the config key load_from')
    elif arguments.start_cycle is not None:
        raise UsageError('--start-cycle needs --init-split')
    if arguments.auto_resume and (arguments.resume is not None or arguments.init_split):
        raise UsageError('--auto-resume finds the run itself: leave out --resume and --init-split')
    if arguments.config is not None and Path(arguments.config).is_dir():
        folder, annotate = arguments.config, re_named(arguments.prog, 'annotate')
        raise UsageError(
            f'{folder} is a folder, not a config. A run is resumed by --resume {folder}; for photographs '
            f'without labels begin with: {annotate} start {folder} --classes NAME ... --out RUN'
        )
    if arguments.config is None and not (arguments.resume or (arguments.resume == '' and arguments.work_dir)):
        raise UsageError('a config is needed, or --resume RUN_DIR, which has one')


def hint(arguments: argparse.Namespace) -> str:
    """Return how to resume the run, if it has a directory already."""
    if arguments.run_directory is None:
        return ''
    command = resume_command(arguments.prog, arguments.run_directory)
    if arguments.launcher == 'none':
        return f'Resume with: {command}'
    if os.environ.get('GROUP_WORLD_SIZE') == '1':  # all processes of torchrun are on this machine
        command = resume_command(
            f'bash scripts/dist_train.sh {os.environ["WORLD_SIZE"]}', arguments.run_directory
        )
        return f'Resume with: {command}'
    return f'Resume by the same launcher: {command} --launcher {arguments.launcher}'


COMMAND = Command(
    __doc__,
    add_arguments,
    main,
    check=check,
    hint=hint,
    exit_codes=EXIT_CODES.replace('130', '4 labels are wanted (see annotate), 130'),
)
