"""Measure speed and memory.

  model  a step of each stage, scoring, evaluation and data loading, beside MMDetection's RetinaNet (default)
  pool   the bookkeeping of a large pool with simulated scores: splits, query, files
  index  building the index of a pool of 10k, 100k and 1M files

example: python tools/benchmark.py --device cpu --threads 2 --rounds 5 --out benchmark.json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    # Before mmcv, which the package keeps from announcing itself.
    from mmdet_miaod.cli.command_line import EXIT_CODES  # isort: skip
    from mmcv import DictAction

    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('what', nargs='?', choices=['model', 'pool', 'index'], default='model')
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write the numbers there as well')
    parser.add_argument('--quick', action='store_true', help='tiny sizes: does it work?')
    model = parser.add_argument_group('model')
    model.add_argument('--config', default=None, help='config file (default: configs/MIAOD.py)')
    model.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides'
    )
    model.add_argument('--image-size', nargs=2, type=int, metavar=('WIDTH', 'HEIGHT'), default=None)
    model.add_argument('--batch-size', type=int, default=2, help='images in a training batch')
    model.add_argument('--device', help='cpu or cuda:N (default: cuda:0 where there is a GPU, else cpu)')
    model.add_argument('--amp', choices=['float16', 'bfloat16'], help='mixed precision of the training steps')
    model.add_argument('--threads', type=int, help="PyTorch's threads (default: its own choice)")
    model.add_argument('--rounds', type=int, default=5, help='measurements, of which medians are shown')
    model.add_argument('--no-memory', action='store_true', help='do not measure memory')
    model.add_argument('--profile', type=Path, metavar='DIR', help='write torch.profiler traces there')
    pool = parser.add_argument_group('pool and index')
    pool.add_argument('--images', nargs='+', type=int, metavar='N', help='sizes of the pool')
    return parser.parse_args(arguments)


def main(arguments: argparse.Namespace) -> None:
    report = {'model': model_report, 'pool': pool_report, 'index': index_report}[arguments.what](arguments)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(report, indent=1) + '\n')


def model_report(arguments: argparse.Namespace) -> dict[str, Any]:
    import torch

    from mmdet_miaod.cli.launch import default_device
    from mmdet_miaod.engine.parallel import check_device
    from tools.benchmarks.model import QUICK_MODEL, benchmark_config, run_benchmark
    from tools.benchmarks.tables import model_table
    from tools.benchmarks.tasks import BenchmarkSettings

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    size = tuple(arguments.image_size or ((64, 64) if arguments.quick else (512, 320)))
    options = {**(QUICK_MODEL if arguments.quick else {}), **(arguments.cfg_options or {})}
    path = arguments.config or Path(__file__).resolve().parent.parent / 'configs' / 'MIAOD.py'
    with tempfile.TemporaryDirectory() as folder:
        settings = BenchmarkSettings(
            benchmark_config(path, options, size),
            Path(folder) / 'data',
            size,
            arguments.batch_size,
            check_device(arguments.device or default_device()),
            arguments.amp,
        )
        report = run_benchmark(
            settings,
            arguments.rounds,
            not arguments.no_memory,
            arguments.profile,
            lambda number: print(f'round {number} of {arguments.rounds}', file=sys.stderr, flush=True),
        )
    print(model_table(report))
    return report


def pool_report(arguments: argparse.Namespace) -> dict[str, Any]:
    from tools.benchmarks.pool import measure_pool
    from tools.benchmarks.tables import pool_table

    sizes = arguments.images or ([10_000] if arguments.quick else [10_000_000])
    report = dict(pools=[measure_pool(size) for size in sizes])
    print(pool_table(report))
    return report


def index_report(arguments: argparse.Namespace) -> dict[str, Any]:
    from tools.benchmarks.pool import measure_index
    from tools.benchmarks.tables import index_table

    sizes = arguments.images or ([1000, 2000] if arguments.quick else [10_000, 100_000, 1_000_000])
    report = dict(indices=[measure_index(size) for size in sizes])
    print(index_table(report))
    return report


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault('KMP_WARNINGS', '0')
    parsed = parse_arguments()
    from mmdet_miaod.cli.command_line import run_tool

    sys.exit(run_tool(lambda: main(parsed)))
