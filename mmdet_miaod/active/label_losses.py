"""Files of the labeled images' losses: ``cycle{c}/label_losses.csv``, the largest one without a box first."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..regular_files import read_text
from ..run.file_record import FileRecord
from ..run.files import write_text

_COLUMNS = ('image', 'index', 'loss_without_box', 'loss_in_boxes')


@dataclass(frozen=True)
class LabelLoss:
    """Classification losses of a labeled image under a cycle's model.

    Attributes:
        index: pool index.
        without_box: of anchors without a box, large where boxes are missing.
        in_boxes: of anchors with a box, large where classes are wrong.
    """

    index: int
    without_box: float
    in_boxes: float


def label_losses_name(cycle: int) -> str:
    """Path of a cycle's file in the run directory."""
    return f'cycle{cycle}/label_losses.csv'


def write_label_losses(
    path: Path, indices: np.ndarray, losses: np.ndarray, names: Sequence[str]
) -> FileRecord:
    """Write the losses of labeled images, the largest loss without a box first.

    Args:
        path: the file.
        indices: ``(n,)`` pool indices.
        losses: ``(n, 2)`` of these images: without a box and in boxes.
        names: of all pool images.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator='\n')
    table.writerow(_COLUMNS)
    for i in np.argsort(-losses[:, 0], kind='stable'):
        table.writerow((names[indices[i]], int(indices[i]), *(f'{loss:.6g}' for loss in losses[i])))
    return write_text(path, text.getvalue())


def read_label_losses(path: Path) -> list[LabelLoss]:
    """Read the losses, in the order of the file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file.
    """
    rows = csv.DictReader(io.StringIO(read_text(path)))
    if tuple(rows.fieldnames or ()) != _COLUMNS:
        raise ValueError(f'{path}: the columns are {rows.fieldnames}, expected {list(_COLUMNS)}')
    _, index, *losses = _COLUMNS
    return [LabelLoss(int(row[index]), *(float(row[name]) for name in losses)) for row in rows]
