"""Draw the boxes that a model predicts for an image, and print the image's uncertainty as JSON to stdout.

example: %(prog)s RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth photo.jpg --out pic.jpg
"""

from __future__ import annotations

import argparse
import json

from ..cli.arguments import add_config, add_device
from ..cli.command_line import Command, configure_messages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, the image and the picture."""
    add_config(parser)
    parser.add_argument('checkpoint', help="a cycle's model.pth")
    parser.add_argument('image', help='image file')
    parser.add_argument('--out', metavar='PICTURE', help='where the picture with the boxes goes (jpg or png)')
    parser.add_argument(
        '--score-thr', type=float, default=0.3, help='confidence of the boxes that are drawn (default: 0.3)'
    )
    add_device(parser)


def main(arguments: argparse.Namespace) -> None:
    """Predict, draw and print."""
    from ..apis import inference_detector, init_detector
    from ..apis.inference import exif_of
    from ..cli.launch import default_device
    from ..visualization.box_drawing import draw_detections, save_picture

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
            exif=exif_of(model),
        )
        save_picture(picture, arguments.out)
        logger.info('%s: %d of %d boxes are drawn.', arguments.out, drawn, len(prediction.boxes))
    print(json.dumps(prediction.to_dict()))


COMMAND = Command(__doc__, add_arguments, main)
