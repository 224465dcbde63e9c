"""Measure what each GPU option gains and changes, with the published configuration's model on drawn images.

Milliseconds of label, minimize and maximize steps and of MMDetection's step beside them, the share of the
time in which the GPU computes, memory, and how far losses and scores are from float32's; then loading,
scoring and evaluation, a whole cycle, the losses of GPU and CPU, and steps of several processes at once.
With --out every result is kept as soon as it is there: the same command goes on where it stopped, on another
day too, and --table prints the tables.

example: %(prog)s --device cuda:0 --minutes 9 --out gpu.jsonl
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdet_miaod.cli.arguments import EXIT_CODES, UsageError
from mmdet_miaod.cli.command_line import Command, configure_messages
from mmdet_miaod.cli.configs import find_config

if TYPE_CHECKING:
    from tools.benchmarks.data import BenchmarkSettings
    from tools.benchmarks.lease import Item

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
    parser.add_argument('--options', nargs='+', metavar='NAME', help='check these options only, nothing else')
    parser.add_argument('--quick', action='store_true', help='a tiny model and two steps')
    parser.add_argument(
        '--minutes', type=float, default=60, help='begin no measurement after that (default: 60)'
    )
    parser.add_argument('--out', type=Path, metavar='FILE.jsonl', help='keep the results there, a line each')
    parser.add_argument('--table', action='store_true', help='only print the tables of what --out has')


def check(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    if arguments.table and arguments.out is None:
        raise UsageError('--table needs the file: --out FILE.jsonl')


def main(arguments: argparse.Namespace) -> int:
    """Measure and print; returns the exit code."""
    import torch

    from tools.benchmarks.gpu_tables import gpu_tables
    from tools.benchmarks.lease import Lease, read_results

    logger = configure_messages(arguments)
    if arguments.table:
        print(gpu_tables(read_results(arguments.out)))
        return 0
    if arguments.device != 'cpu' and not torch.cuda.is_available():
        logger.error('There is no GPU here (PyTorch sees none): nothing was checked.')
        return NO_GPU
    from mmdet_miaod.engine.parallel import check_device
    from tools.benchmarks.data import BenchmarkSettings
    from tools.benchmarks.model import QUICK_MODEL, benchmark_config
    from tools.benchmarks.options import DEVICE_TOLERANCE, OPTIONS, relative_difference
    from tools.benchmarks.tasks import build_miaod

    if unknown := [name for name in arguments.options or [] if name not in OPTIONS]:
        raise UsageError(f'--options: {unknown} are not among {list(OPTIONS)}')
    size = tuple(arguments.image_size or ((64, 64) if arguments.quick else (1000, 600)))
    device = check_device(arguments.device)
    card = torch.cuda.get_device_name(device) if device.type == 'cuda' else 'CPU'
    end, announce = 60 * arguments.minutes, partial(logger.info, 'measuring %s')
    with tempfile.TemporaryDirectory() as folder:
        config = benchmark_config(arguments.config, QUICK_MODEL if arguments.quick else {}, size)
        settings = BenchmarkSettings(config, Path(folder) / 'data', size, arguments.batch_size, device)
        setting = dict(card=card, size=list(size), batch=arguments.batch_size, quick=arguments.quick)
        setting['parameters'] = sum(p.numel() for p in build_miaod(settings).parameters())
        lease = Lease(arguments.out, setting, end, announce)
        left = lease.work_through(items(settings, arguments))
    print(gpu_tables(lease.found))
    if left:
        logger.warning('There was no time for: %s. The same command goes on.', ', '.join(left))
    pairs = lease.found.get('devices', {}).get('losses', {}).values()
    return DIFFERENT if any(relative_difference(*pair) > DEVICE_TOLERANCE for pair in pairs) else 0


def items(settings: BenchmarkSettings, arguments: argparse.Namespace) -> list[Item]:
    """Return the measurements, the most important first."""
    from tools.benchmarks import gpu_items
    from tools.benchmarks.data import draw_batches
    from tools.benchmarks.lease import Item
    from tools.benchmarks.options import BASIC, OPTIONS, check_option, compare_devices

    batches = draw_batches(settings)
    steps = 2 if arguments.quick else arguments.steps
    option = {name: Item(name, partial(check_option, name, settings, batches, steps)) for name in OPTIONS}
    devices = Item('devices', lambda: dict(losses=compare_devices(settings, batches)), 60)
    if arguments.options:
        names = ['float32', *(name for name in arguments.options if name != 'float32')]
        return [*(option[name] for name in names), devices]
    quick = arguments.quick
    sizes, cycle = ((1, 2), (0, 4)) if quick else ((2, 4, 8, 16), (8, 100))

    def loading(workers: int) -> dict[str, Any]:
        return gpu_items.loading_speed(settings, workers, 2 if quick else 100)

    counts, seconds = ((1, 2), 0.2) if quick else ((1, 2, 4, 8, 12, 16), 5)
    best = 'bfloat16 channels_last'
    return [
        *(option[name] for name in BASIC),
        *(Item(f'loading, {n} workers', partial(loading, n), 20) for n in ((0,) if quick else (8, 16))),
        *(
            Item(
                f'inference {name}', partial(gpu_items.inference_speed, name, settings, batches, sizes, steps)
            )
            for name in ('float32', 'tf32', 'bfloat16', 'float16')
        ),
        Item(f'cycle {best}', lambda: gpu_items.whole_cycle(best, settings, *cycle), 90),
        Item('selections', lambda: gpu_items.selections(settings, cycle[0], 10 if quick else 500), 60),
        devices,
        Item('side by side', lambda: gpu_items.side_by_side(settings, counts, seconds), 90),
        *(option[name] for name in OPTIONS if name not in BASIC and not quick),
        Item('CUDA graphs', lambda: gpu_items.cuda_graphs(settings, batches, steps)),
    ]


COMMAND = Command(
    __doc__,
    add_arguments,
    main,
    check=check,
    exit_codes=f'{EXIT_CODES}, {NO_GPU} there is no GPU here, {DIFFERENT} GPU and CPU disagree on losses',
)
