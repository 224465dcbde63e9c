"""Draw the boxes that a model predicts for images, and print each image's uncertainty and boxes as JSON.

One image is a line of stdout. Its percentile says how many images of the run's pool are at most as uncertain,
where the run scored its pool with this model. Images that cannot be read are named on stderr and skipped.

example: %(prog)s RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth photo.jpg --out pic.jpg
example: %(prog)s RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth photos/ --out pictures/
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli.arguments import add_config, add_device
from ..cli.command_line import Command, configure_messages

if TYPE_CHECKING:
    from ..apis.inference import Prediction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, the images and the pictures."""
    add_config(parser)
    parser.add_argument('checkpoint', help="a cycle's model.pth")
    parser.add_argument(
        'images', nargs='+', metavar='image', help='image, folder, or text file with one path per line'
    )
    parser.add_argument(
        '--out', metavar='PICTURE', help='where the picture goes (jpg or png); of several images: a folder'
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='confidence of the boxes that are drawn and printed (default: 0.3)',
    )
    add_device(parser)


def main(arguments: argparse.Namespace) -> None:
    """Predict, draw and print."""
    from ..datasets.image_sources import list_images
    from ..run.outputs import claimed

    logger = configure_messages(arguments)
    files = list_images(arguments.images)
    with nullcontext() if arguments.out is None else claimed(arguments.out):
        _predict(arguments, files, logger)


def _predict(arguments: argparse.Namespace, files: list[str], logger: logging.Logger) -> None:
    from ..apis import inference_detector, init_detector
    from ..apis.inference import exif_of
    from ..apis.ranking import percentile, pool_scores
    from ..cli.launch import default_device
    from ..datasets.image_sources import find_readable
    from ..run.outputs import check_outputs
    from ..visualization.box_drawing import draw_detections, save_picture

    model = init_detector(arguments.config, arguments.checkpoint, arguments.device or default_device())
    pool = pool_scores(model, arguments.checkpoint)
    if len(files) > 1:
        files, problems = find_readable(files)
        for path, what in problems:
            logger.warning('skipped: %r: %s', path, what)
        if not files:
            raise ValueError('none of the images can be read')
    pictures = _picture_paths(arguments.out, files)
    if arguments.out is not None:
        check_outputs(pictures, [arguments.config, arguments.checkpoint, *arguments.images, *files])
    for path, picture_path in zip(files, pictures, strict=True):
        prediction = inference_detector(model, path)
        if picture_path is not None:
            picture, drawn = draw_detections(
                prediction.path,
                prediction.boxes,
                prediction.scores,
                prediction.labels,
                classes=prediction.classes,
                score_threshold=arguments.score_thr,
                exif=exif_of(model),
            )
            save_picture(picture, picture_path)
            logger.info('%s: %d of %d boxes are drawn.', picture_path, drawn, len(prediction.boxes))
        answer = _answer(prediction, arguments.score_thr)
        answer['percentile'] = percentile(pool, prediction.uncertainty)
        print(json.dumps(answer))


def _answer(prediction: Prediction, score_thr: float) -> dict:
    answer = prediction.to_dict()
    sure = (prediction.scores >= score_thr).tolist()
    answer['boxes'] = [box for box, is_sure in zip(answer['boxes'], sure, strict=True) if is_sure]
    return answer


def _picture_paths(out: str | None, files: Sequence[str]) -> list[Path | None]:
    """Return where the picture of each image goes: into a folder under its name, or to ``out`` itself."""
    if out is None:
        return [None] * len(files)
    folder = Path(out)
    if len(files) == 1 and not folder.is_dir():
        return [folder]
    if folder.suffix.lower() in ('.jpg', '.jpeg', '.png'):
        raise ValueError(f'--out {out}: is one picture, but there are {len(files)} images; name a folder')
    stems = [Path(path).stem for path in files]
    unique = len(set(stems)) == len(stems)
    return [folder / (f'{stem}.jpg' if unique else f'{i}_{stem}.jpg') for i, stem in enumerate(stems)]


COMMAND = Command(__doc__, add_arguments, main)
