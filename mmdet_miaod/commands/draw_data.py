"""Draw a small data set in PASCAL VOC's format; its folder goes to stdout.

example: %(prog)s data/drawn --num-train 120 --num-test 60 --seed 1
example: %(prog)s data/drawn0712 --voc0712
"""

import argparse

from ..cli.command_line import Command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where the data set goes and what is drawn."""
    parser.add_argument('root', help='new folder for the data set')
    parser.add_argument(
        '--voc0712', action='store_true', help="stand-in for VOC2007 and VOC2012 with VOC's 20 class names"
    )
    parser.add_argument('--num-train', type=int, default=120, help='training images (default: %(default)s)')
    parser.add_argument('--num-test', type=int, default=60, help='test images (default: %(default)s)')
    parser.add_argument(
        '--classes', nargs='+', help='class names, the most frequent first (default: those of the demo)'
    )
    parser.add_argument(
        '--size', type=int, nargs=2, default=(192, 144), metavar=('WIDTH', 'HEIGHT'), help='in pixels'
    )
    parser.add_argument('--seed', type=int, default=0, help='(default: %(default)s)')


def main(arguments: argparse.Namespace) -> None:
    """Draw the images."""
    from ..datasets.drawn.voc import DEMO_CLASSES, draw_voc, draw_voc0712

    if arguments.voc0712:
        root = draw_voc0712(arguments.root, seed=arguments.seed)
    else:
        root = draw_voc(
            arguments.root,
            arguments.num_train,
            arguments.num_test,
            arguments.classes or list(DEMO_CLASSES),
            seed=arguments.seed,
            image_size=tuple(arguments.size),
        )
    print(root)


COMMAND = Command(__doc__, add_arguments, main)
