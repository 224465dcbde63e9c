"""Measure what each GPU option gains and changes, with the published configuration's model on drawn images.

Prints images a second (label-set training, scoring), memory and the largest relative difference of a loss or
score to float32 for each option, and compares the losses of GPU and CPU.

example: %(prog)s --device cuda:0
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from mmdet_miaod.cli.arguments import EXIT_CODES, UsageError
from mmdet_miaod.cli.command_line import Command, configure_messages
from mmdet_miaod.cli.configs import find_config

NO_GPU = 3
DIFFERENT = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, and how much is measured."""
    parser.add_argument(
        '--config',
        type=find_config,
        default='configs/MIAOD.py',
        help='config file (default: configs/MIAOD.py)',
    )
    parser.add_argument('--device', default='cuda:0', help='cuda:N, or cpu to see whether the check works')
    parser.add_argument('--image-size', nargs=2, type=int, metavar=('WIDTH', 'HEIGHT'), default=None)
    parser.add_argument('--batch-size', type=int, default=2)
    parser.add_argument('--steps', type=int, default=20, help='steps that are timed')
    parser.add_argument('--options', nargs='+', metavar='NAME', help='check these options only')
    parser.add_argument('--quick', action='store_true', help='a tiny model and two steps')
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write the numbers there as well')


def main(arguments: argparse.Namespace) -> int:
    """Measure and print; returns the exit code."""
    import torch

    logger = configure_messages(arguments)
    if arguments.device != 'cpu' and not torch.cuda.is_available():
        logger.error('There is no GPU here (PyTorch sees none): nothing was checked.')
        return NO_GPU
    from mmdet_miaod.engine.parallel import check_device
    from tools.benchmarks.model import QUICK_MODEL, benchmark_config
    from tools.benchmarks.options import DEVICE_TOLERANCE, OPTIONS, relative_difference, run_gpu_check
    from tools.benchmarks.tasks import BenchmarkSettings

    def announce(option: str) -> None:
        note = ' (compiling takes a minute or two)' if option == 'compile_towers' else ''
        logger.info('measuring %s%s', option, note)

    chosen = arguments.options or list(OPTIONS)
    if unknown := [name for name in chosen if name not in OPTIONS]:
        raise UsageError(f'--options: {unknown} are not among {list(OPTIONS)}')
    size = tuple(arguments.image_size or ((64, 64) if arguments.quick else (1000, 600)))
    with tempfile.TemporaryDirectory() as folder:
        config = benchmark_config(arguments.config, QUICK_MODEL if arguments.quick else {}, size)
        device = check_device(arguments.device)
        settings = BenchmarkSettings(config, Path(folder) / 'data', size, arguments.batch_size, device)
        steps = 2 if arguments.quick else arguments.steps
        report = run_gpu_check(settings, steps, chosen, announce)
    print_report(report)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(report, indent=1) + '\n')
    worst = max(relative_difference(*pair) for pair in report['devices'].values())
    return DIFFERENT if worst > DEVICE_TOLERANCE else 0


def print_report(report: dict) -> None:
    """Print the table of the options, and that of the losses on device and CPU."""
    from tools.benchmarks.tables import table

    rows = []
    for name, result in report['options'].items():
        if 'error' in result:
            rows.append([name, 'does not work here:', result['error'][:60]])
            continue
        memory = f'{result["memory"] / 2**20:.0f}' if result['memory'] else '-'
        rows.append(
            [name, f'{result["train"]:.2f}', f'{result["score"]:.2f}', memory, f'{result["difference"]:.1e}']
        )
    print(table(['option', 'training, images/s', 'scoring, images/s', 'memory, MiB', 'difference'], rows))
    print()
    rows = [[name, f'{here:.6f}', f'{cpu:.6f}'] for name, (here, cpu) in report['devices'].items()]
    print(table(['loss', 'device', 'CPU'], rows))


COMMAND = Command(
    __doc__,
    add_arguments,
    main,
    exit_codes=f'{EXIT_CODES}, {NO_GPU} there is no GPU here, {DIFFERENT} GPU and CPU disagree on losses',
)
