"""Draw a small data set in PASCAL VOC's format; its folder goes to stdout.

example: python tools/draw_data.py data/drawn --num-train 120 --num-test 60 --seed 1
example: python tools/draw_data.py data/drawn0712 --voc0712
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    from mmdet_miaod.cli.command_line import EXIT_CODES
    from mmdet_miaod.datasets.drawn.voc import DEMO_CLASSES

    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument('root', help='new folder for the data set')
    parser.add_argument(
        '--voc0712', action='store_true', help="stand-in for VOC2007 and VOC2012 with VOC's 20 class names"
    )
    parser.add_argument('--num-train', type=int, default=120, help='training images (default: %(default)s)')
    parser.add_argument('--num-test', type=int, default=60, help='test images (default: %(default)s)')
    parser.add_argument(
        '--classes', nargs='+', default=list(DEMO_CLASSES), help='class names, the most frequent first'
    )
    parser.add_argument(
        '--size', type=int, nargs=2, default=(192, 144), metavar=('WIDTH', 'HEIGHT'), help='in pixels'
    )
    parser.add_argument('--seed', type=int, default=0, help='(default: %(default)s)')
    return parser.parse_args(arguments)


def main(arguments: argparse.Namespace) -> None:
    from mmdet_miaod.datasets.drawn.voc import draw_voc, draw_voc0712

    if arguments.voc0712:
        root = draw_voc0712(arguments.root, seed=arguments.seed)
    else:
        root = draw_voc(
            arguments.root,
            arguments.num_train,
            arguments.num_test,
            arguments.classes,
            seed=arguments.seed,
            image_size=tuple(arguments.size),
        )
    print(root)


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    parsed = parse_arguments()
    from mmdet_miaod.cli.command_line import run_tool

    sys.exit(run_tool(lambda: main(parsed)))
