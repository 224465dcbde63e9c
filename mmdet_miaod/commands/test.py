"""Evaluate a checkpoint on a config's test set.

example: %(prog)s configs/MIAOD.py work_dirs/MI-AOD/RUN/cycle6/model.pth --eval mAP
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..cli.arguments import add_config, add_config_options, add_data_root, add_device, config_options
from ..cli.command_line import Command, configure_messages


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
    parser.add_argument('--show-dir', metavar='DIR', help='write the images with boxes into this new folder')
    parser.add_argument(
        '--show-score-thr', type=float, default=0.3, help='least score of a box in --show-dir (default: 0.3)'
    )
    parser.add_argument('--json', action='store_true', help='print the metrics as JSON in place of the table')
    add_data_root(parser)
    add_device(parser)
    add_config_options(parser)


def main(arguments: argparse.Namespace) -> None:
    """Detect, evaluate, write and print."""
    from ..apis.detection_files import check_detection_file, write_detections
    from ..apis.evaluation import evaluate_checkpoint
    from ..apis.settings import load_settings
    from ..cli.launch import default_device
    from ..engine.live_bar import live_bar
    from ..visualization.detection_pictures import check_show_folder, show_detections

    configure_messages(arguments)
    settings = load_settings(arguments.config, config_options(arguments.cfg_options), arguments.data_root)
    metric = settings.evaluation.get('metric', 'mAP')
    if unknown := set(arguments.eval) - {'mAP', metric}:
        raise ValueError(f'--eval {" ".join(sorted(unknown))}: the config computes {metric!r}')
    if arguments.out is not None:
        check_detection_file(arguments.out)
    if arguments.show_dir is not None:
        check_show_folder(arguments.show_dir)
    result = evaluate_checkpoint(
        settings,
        arguments.checkpoint,
        arguments.device or default_device(),
        lambda total: live_bar('evaluation', total, show=not arguments.quiet),
    )
    dataset = result.dataset
    if arguments.out is not None:
        write_detections(arguments.out, result.detections, dataset.index.names, dataset.CLASSES)
    if arguments.show_dir is not None:
        show_detections(
            arguments.show_dir,
            dataset.index,
            result.detections,
            classes=dataset.CLASSES,
            score_thr=arguments.show_score_thr,
        )
    print(json.dumps(result.metrics, indent=1) if arguments.json else metrics_table(result))


def metrics_table(result: Any) -> str:
    """Return the table of average precisions, in percent, of ``evaluate_checkpoint``."""
    from terminaltables import AsciiTable

    annotations = [result.dataset.get_ann_info(i) for i in range(len(result.dataset))]
    rows = [['class', 'boxes', 'detections', 'AP (%)']]
    for label, (name, ap) in enumerate(result.metrics['AP'].items()):
        boxes = sum(int((annotation['labels'] == label).sum()) for annotation in annotations)
        detections = sum(len(by_class[label]) for by_class in result.detections)
        rows.append([name, str(boxes), str(detections), _percent(ap)])
    rows.append(['mAP', '', '', _percent(result.metrics['mAP'])])
    table = AsciiTable(rows)
    table.inner_footing_row_border = True
    return table.table


def _percent(value: float | None) -> str:
    return '-' if value is None else f'{100 * value:.2f}'


COMMAND = Command(__doc__, add_arguments, main)
