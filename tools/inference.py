"""Draw the boxes that a model predicts for an image, and print the image's uncertainty as JSON to stdout.

example: python tools/inference.py RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth photo.jpg --out pic.jpg
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    from mmdet_miaod.cli.command_line import tool_parser

    parser = tool_parser(__doc__)
    parser.add_argument('config', help='config file, such as the one in the run directory')
    parser.add_argument('checkpoint', help="a cycle's model.pth")
    parser.add_argument('image', help='image file')
    parser.add_argument('--out', metavar='PICTURE', help='where the picture with the boxes goes (jpg or png)')
    parser.add_argument(
        '--score-thr', type=float, default=0.3, help='confidence of the boxes that are drawn (default: 0.3)'
    )
    parser.add_argument('--device', help='cpu or cuda:N (default: cuda:0 where there is a GPU, else cpu)')
    return parser.parse_args(arguments)


def main(arguments: argparse.Namespace) -> None:
    from mmdet_miaod.apis import inference_detector, init_detector
    from mmdet_miaod.cli.command_line import configure_messages
    from mmdet_miaod.cli.launch import default_device
    from mmdet_miaod.visualization.box_drawing import draw_detections, save_picture

    logger = configure_messages(arguments)
    model = init_detector(arguments.config, arguments.checkpoint, arguments.device or default_device())
    prediction = inference_detector(model, arguments.image)
    if arguments.out:
        picture, drawn = draw_detections(
            prediction.path,
            prediction.boxes,
            prediction.scores,
            prediction.labels,
            classes=prediction.classes,
            score_threshold=arguments.score_thr,
        )
        save_picture(picture, arguments.out)
        logger.info('%s: %d of %d boxes are drawn.', arguments.out, drawn, len(prediction.boxes))
    print(json.dumps(prediction.to_dict()))


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault('KMP_WARNINGS', '0')
    parsed = parse_arguments()
    from mmdet_miaod.cli.command_line import run_tool

    sys.exit(run_tool(lambda: main(parsed)))
