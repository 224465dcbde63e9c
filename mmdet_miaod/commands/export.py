"""Write the evaluated detector (classifier 1 and boxes) as an ONNX model, checked against PyTorch.

The model gives boxes and scores before the suppression of overlapping boxes, and has in its metadata what is
needed to run it; docs/how-to/export-onnx.md has an example. Needs the extra 'export'.

example: %(prog)s RUN_DIR/bccd.py RUN_DIR/cycle2/model.pth --out model.onnx --images photos/
"""

import argparse

from ..cli.arguments import add_config
from ..cli.command_line import Command, configure_messages

# A box of another place, not of another rounding: in pixels of the model's input, and in score.
_LARGEST_BOX, _LARGEST_SCORE = 0.5, 1e-3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, where it goes, and what it is checked on."""
    add_config(parser)
    parser.add_argument('checkpoint', help="a cycle's model.pth")
    parser.add_argument('--out', required=True, metavar='FILE', help='the ONNX model to write')
    parser.add_argument(
        '--images',
        nargs='+',
        default=[],
        metavar='DIR_OR_LIST',
        help='images, folders or text files with one path per line, whose detections are compared with '
        "PyTorch's before the model is written; a few are enough",
    )


def main(arguments: argparse.Namespace) -> None:
    """Export, compare and write."""
    from ..run.outputs import check_outputs, claimed

    with claimed(arguments.out):
        check_outputs([arguments.out], [arguments.config, arguments.checkpoint, *arguments.images])
        _export(arguments)


def _export(arguments: argparse.Namespace) -> None:
    from ..apis import init_detector
    from ..apis.export import compare_onnx, export_onnx
    from ..datasets.image_sources import list_images
    from ..run.files import write_file

    logger = configure_messages(arguments)
    files = list_images(arguments.images) if arguments.images else []
    model = init_detector(arguments.config, arguments.checkpoint, options={'compile_towers': False})
    exported = export_onnx(model)
    if files:
        found = compare_onnx(exported, model, files)
        print(
            f'{found.images} images, {found.detections} detections; largest difference from PyTorch: boxes '
            f'{found.box:.2g} pixels, scores {found.score:.2g}; without counterpart: {found.unmatched}'
        )
        if found.unmatched or found.box > _LARGEST_BOX or found.score > _LARGEST_SCORE:
            raise ValueError(f"{arguments.out} is not written: its detections are not PyTorch's")
    write_file(arguments.out, lambda file: file.write(exported))
    checked = '' if files else '; --images compares it with PyTorch'
    logger.info('%s: %.1f MB%s', arguments.out, len(exported) / 1e6, checked)


COMMAND = Command(__doc__, add_arguments, main)
