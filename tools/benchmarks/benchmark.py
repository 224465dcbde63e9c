"""Measure speed and memory.

  model  a step of each stage, scoring, evaluation and data loading, beside MMDetection's RetinaNet (default)
  pool   the bookkeeping of a large pool with simulated scores: splits, query, files
  index  building the index of a pool of 10k, 100k and 1M files

example: %(prog)s --device cpu --threads 2 --rounds 5 --out benchmark.json
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from mmdet_miaod.cli.arguments import add_config_options, add_device, config_options
from mmdet_miaod.cli.command_line import Command, configure_messages
from mmdet_miaod.cli.configs import find_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is measured, on what, how often."""
    parser.add_argument('what', nargs='?', choices=['model', 'pool', 'index'], default='model')
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write the numbers there as well')
    parser.add_argument('--quick', action='store_true', help='tiny sizes: does it work?')
    model = parser.add_argument_group('model')
    model.add_argument(
        '--config',
        type=find_config,
        default='configs/MIAOD.py',
        help='config file (default: configs/MIAOD.py)',
    )
    add_config_options(model)
    model.add_argument('--image-size', nargs=2, type=int, metavar=('WIDTH', 'HEIGHT'), default=None)
    model.add_argument('--batch-size', type=int, default=2, help='images in a training batch')
    add_device(model)
    model.add_argument('--amp', choices=['float16', 'bfloat16'], help='mixed precision of the training steps')
    model.add_argument('--threads', type=int, help="PyTorch's threads (default: its own choice)")
    model.add_argument('--rounds', type=int, default=5, help='measurements, of which medians are shown')
    model.add_argument('--no-memory', action='store_true', help='do not measure memory')
    model.add_argument('--profile', type=Path, metavar='DIR', help='write torch.profiler traces there')
    pool = parser.add_argument_group('pool and index')
    pool.add_argument('--images', nargs='+', type=int, metavar='N', help='sizes of the pool')


def main(arguments: argparse.Namespace) -> None:
    """Measure, print the table, write the numbers."""
    logger = configure_messages(arguments)
    if arguments.what == 'model':
        report = model_report(arguments, logger)
    else:
        report = dict(pool=pool_report, index=index_report)[arguments.what](arguments)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(report, indent=1) + '\n')


def model_report(arguments: argparse.Namespace, logger: logging.Logger) -> dict[str, Any]:
    """Measure the steps of the model beside the stock one and print them."""
    import torch

    from mmdet_miaod.cli.launch import default_device
    from mmdet_miaod.engine.parallel import check_device
    from tools.benchmarks.data import BenchmarkSettings
    from tools.benchmarks.model import QUICK_MODEL, benchmark_config, run_benchmark
    from tools.benchmarks.tables import model_table

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    size = tuple(arguments.image_size or ((64, 64) if arguments.quick else (512, 320)))
    options = {**(QUICK_MODEL if arguments.quick else {}), **config_options(arguments.cfg_options)}
    with tempfile.TemporaryDirectory() as folder:
        settings = BenchmarkSettings(
            benchmark_config(arguments.config, options, size),
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
            lambda number: logger.info('round %d of %d', number, arguments.rounds),
        )
    print(model_table(report))
    return report


def pool_report(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the bookkeeping of pools and print it."""
    from tools.benchmarks.pool import measure_pool
    from tools.benchmarks.tables import pool_table

    sizes = arguments.images or ([10_000] if arguments.quick else [10_000_000])
    report = dict(pools=[measure_pool(size) for size in sizes])
    print(pool_table(report))
    return report


def index_report(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the building of indices and print it."""
    from tools.benchmarks.pool import measure_index
    from tools.benchmarks.tables import index_table

    sizes = arguments.images or ([1000, 2000] if arguments.quick else [10_000, 100_000, 1_000_000])
    report = dict(indices=[measure_index(size) for size in sizes])
    print(index_table(report))
    return report


COMMAND = Command(__doc__, add_arguments, main)
