"""Files of the labeled images' losses: ``cycle{c}/label_losses.csv``, the largest first."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..regular_files import read_text
from ..run.file_record import FileRecord
from ..run.files import write_text


def label_losses_name(cycle: int) -> str:
    """Path of a cycle's file in the run directory."""
    return f'cycle{cycle}/label_losses.csv'


def write_label_losses(
    path: Path, indices: np.ndarray, losses: np.ndarray, names: Sequence[str]
) -> FileRecord:
    """Write the losses of labeled images, the largest first: columns ``image``, ``index`` and ``loss_cls``.

    Args:
        path: the file.
        indices: ``(n,)`` pool indices.
        losses: ``(n,)`` of these images.
        names: of all pool images.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator='\n')
    table.writerow(('image', 'index', 'loss_cls'))
    for i in np.argsort(-losses, kind='stable'):
        table.writerow((names[indices[i]], int(indices[i]), f'{losses[i]:.6g}'))
    return write_text(path, text.getvalue())


def read_label_losses(path: Path) -> list[tuple[int, float]]:
    """Read pool indices and losses, the largest first.

    Raises:
        OSError, ValueError, KeyError: when the file cannot be read.
    """
    rows = csv.DictReader(io.StringIO(read_text(path)))
    return [(int(row['index']), float(row['loss_cls'])) for row in rows]
