"""Feed damaged files to the readers of XML annotations and image lists.

python tests/fuzz/fuzz_readers.py --inputs 20000 --seed 0

Every input has to end in a clean parse or in the documented error (ValueError that names the file); anything
else is printed with the input and makes the exit code 1. Where atheris (pip install atheris) is installed,
--coverage lets it look for new paths through the readers instead of drawing at random.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmdet_miaod.datasets import image_lists, voc_xml
from mmdet_miaod.datasets.image_lists import check_name, read_image_list
from mmdet_miaod.datasets.voc_xml import MAX_COORDINATE, parse_voc_xml
from tests.fuzz.mutation import LIST_SEEDS, LIST_TOKENS, XML_SEEDS, XML_TOKENS, mutate

CLASSES = {'chair': 0, 'person': 1, 'cat': 2}


def read_xml(path: Path) -> None:
    """Parse an annotation file and check what a clean parse promises."""
    found = parse_voc_xml(path, CLASSES)
    for boxes, labels in ((found.bboxes, found.labels), (found.bboxes_ignore, found.labels_ignore)):
        assert boxes.shape == (len(labels), 4) and boxes.dtype == np.float32 and labels.dtype == np.int64
        assert np.isfinite(boxes).all() and (np.abs(boxes) <= MAX_COORDINATE + 1).all()
        assert (boxes[:, 2:] >= boxes[:, :2]).all()
        assert np.isin(labels, list(CLASSES.values())).all()


def read_list(path: Path) -> None:
    """Read an image list and check what a clean parse promises."""
    names = list(read_image_list(path))
    assert names
    for name in names:
        check_name(name, 'a name that was read')
        assert name == name.strip() and '\n' not in name


READERS: dict[str, tuple[Callable[[Path], None], list[bytes], list[bytes]]] = {
    'xml': (read_xml, XML_SEEDS, XML_TOKENS),
    'list': (read_list, LIST_SEEDS, LIST_TOKENS),
}


def attempt(reader: Callable[[Path], None], path: Path, content: bytes) -> str:
    """Read one input; returns ``'parsed'``, ``'refused'`` or what went wrong."""
    path.write_bytes(content)
    try:
        reader(path)
    except ValueError as error:
        return 'refused' if str(error).startswith(str(path)) else f'error without file name: {error!r}'
    except BaseException as error:
        return f'{type(error).__name__}: {error}'
    return 'parsed'


def fuzz(inputs: int, seed: int, folder: Path) -> tuple[dict[str, Counter], list[tuple[str, bytes]]]:
    """Read ``inputs`` mutated files, half of each kind.

    Returns:
        Counts of ``'parsed'`` and ``'refused'`` by kind of file; what went wrong, with its input.
    """
    draw, failures = random.Random(seed), []
    counts: dict[str, Counter] = {kind: Counter() for kind in READERS}
    for number in range(inputs):
        kind = ('xml', 'list')[number % 2]
        reader, seeds, tokens = READERS[kind]
        content = mutate(draw.choice(seeds), tokens, seeds, draw)
        outcome = attempt(reader, folder / f'input.{kind}', content)
        if outcome not in ('parsed', 'refused'):
            failures.append((outcome, content))
            outcome = 'failed'
        counts[kind][outcome] += 1
    return counts, failures


def fuzz_by_coverage(inputs: int, seed: int, folder: Path) -> None:
    """Let atheris find inputs; it ends the process itself, with status 0 after ``inputs`` without failure."""
    import atheris

    def one_input(data: bytes) -> None:
        kind = 'xml' if data[:1] < b'\x80' else 'list'
        outcome = attempt(READERS[kind][0], folder / f'input.{kind}', data[1:])
        if outcome not in ('parsed', 'refused'):
            raise RuntimeError(outcome)

    global parse_voc_xml, read_image_list
    for module in (voc_xml, image_lists):
        for name, value in list(vars(module).items()):
            if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                setattr(module, name, atheris.instrument_func(value))
    parse_voc_xml, read_image_list = voc_xml.parse_voc_xml, image_lists.read_image_list
    corpus = folder / 'corpus'
    corpus.mkdir()
    for prefix, seeds in ((b'\x00', XML_SEEDS), (b'\xff', LIST_SEEDS)):
        for number, content in enumerate(seeds):
            (corpus / f'{prefix.hex()}{number}').write_bytes(prefix + content)
    atheris.Setup([sys.argv[0], f'-runs={inputs}', f'-seed={seed + 1}', str(corpus)], one_input)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--inputs', type=int, default=20000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--coverage', action='store_true', help='guided by coverage (needs atheris)')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.coverage:
            fuzz_by_coverage(arguments.inputs, arguments.seed, Path(folder))
        counts, failures = fuzz(arguments.inputs, arguments.seed, Path(folder))
    for kind, outcomes in counts.items():
        shown = ', '.join(f'{number} {outcome}' for outcome, number in sorted(outcomes.items()))
        sys.stdout.write(f'{kind}: {sum(outcomes.values())} inputs: {shown}\n')
    for what, content in failures:
        sys.stdout.write(f'{what}\n  {content!r}\n')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
