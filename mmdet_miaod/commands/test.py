"""Evaluate a checkpoint on a config's test set.

example: %(prog)s configs/MIAOD.py work_dirs/MI-AOD/RUN/cycle6/model.pth --eval mAP
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ..cli.arguments import add_config, add_config_options, add_data_root, add_device, config_options
from ..cli.command_line import Command, configure_messages

if TYPE_CHECKING:
    from ..apis.evaluation import CheckpointResult
    from ..apis.settings import RunSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the checkpoint, and what becomes of its detections."""
    add_config(parser)
    parser.add_argument(
        'checkpoint',
        help="a cycle's model.pth, an epoch_N.pth, or one that the authors of MI-AOD released",
    )
    parser.add_argument(
        '--eval', nargs='+', default=['mAP'], help="'mAP' or the config's metric, which is computed anyway"
    )
    parser.add_argument(
        '--out', metavar='FILE', help='write the detections: .pkl as MMDetection does, .json or .npz'
    )
    parser.add_argument('--show-dir', metavar='DIR', help='write the images with boxes into this folder')
    parser.add_argument(
        '--show-score-thr', type=float, default=0.3, help='least score of a box in --show-dir (default: 0.3)'
    )
    parser.add_argument('--json', action='store_true', help='print the metrics as JSON in place of the table')
    add_data_root(parser)
    add_device(parser)
    add_config_options(parser)


def main(arguments: argparse.Namespace) -> None:
    """Detect, evaluate, write and print."""
    from ..apis.settings import load_settings
    from ..engine.detection_files import check_detection_file
    from ..run.outputs import claimed
    from ..visualization.detection_pictures import check_show_folder

    configure_messages(arguments)
    settings = load_settings(arguments.config, config_options(arguments.cfg_options), arguments.data_root)
    metric = settings.evaluation.get('metric', 'mAP')
    if unknown := set(arguments.eval) - {'mAP', metric}:
        raise ValueError(f'--eval {" ".join(sorted(unknown))}: the config computes {metric!r}')
    if arguments.out is not None:
        check_detection_file(arguments.out)
    if arguments.show_dir is not None:
        check_show_folder(arguments.show_dir)
    with ExitStack() as claims:
        for path in (arguments.out, arguments.show_dir):
            if path is not None:
                claims.enter_context(claimed(path))
        _evaluate(arguments, settings)


def _evaluate(arguments: argparse.Namespace, settings: RunSettings) -> None:
    from ..apis.evaluation import evaluate_checkpoint
    from ..cli.launch import default_device
    from ..engine.detection_files import write_detections
    from ..engine.live_bar import live_bar
    from ..visualization.detection_pictures import show_detections

    result = evaluate_checkpoint(
        settings,
        arguments.checkpoint,
        arguments.device or default_device(),
        lambda total: live_bar('evaluation', total, show=not arguments.quiet),
    )
    dataset = result.dataset
    if arguments.out is not None:
        write_detections(arguments.out, result.detections, dataset.index.names, dataset.CLASSES)
    # Before the pictures, which take time and space that may run out.
    print(json.dumps(result.metrics, indent=1) if arguments.json else metrics_table(result), flush=True)
    if arguments.show_dir is not None:
        show_detections(
            arguments.show_dir,
            dataset.index,
            result.detections,
            classes=dataset.CLASSES,
            score_thr=arguments.show_score_thr,
        )


def metrics_table(result: CheckpointResult) -> str:
    """Return the table that a run logs after each cycle."""
    from ..datasets.ap_table import ap_table

    annotations = [result.dataset.get_ann_info(i) for i in range(len(result.dataset))]
    return ap_table(result.metrics, annotations, result.detections)


COMMAND = Command(__doc__, add_arguments, main)
