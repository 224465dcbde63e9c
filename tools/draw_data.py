"""Draw a small data set in PASCAL VOC's format.

Example:
    python tools/draw_data.py data/drawn --num-train 120 --num-test 60 --seed 1
    python tools/draw_data.py data/drawn0712 --voc0712
"""

import argparse

from mmdet_miaod.datasets.drawn import DEMO_CLASSES, draw_voc, draw_voc0712


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
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
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        if args.voc0712:
            root = draw_voc0712(args.root, seed=args.seed)
        else:
            root = draw_voc(
                args.root, args.num_train, args.num_test, args.classes, args.seed, tuple(args.size)
            )
    except (FileExistsError, ValueError) as error:
        raise SystemExit(f'draw_data.py: {error}') from None
    print(f'{root}: drawn')


if __name__ == '__main__':
    main()
