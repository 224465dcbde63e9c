"""Checks of what run directories hold, for reports: files may have been edited, or be of something else."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..run.files import load_array

# No run has as many cycles; a report of more would never be drawn.
MAX_CYCLES = 10_000
_POSITIONS = ('cycle', 'stage_number', 'epoch', 'iter')


def checked_metrics(path: Path, entries: Any) -> list[dict[str, Any]]:
    """Return the entries of a ``metrics.json``.

    Raises:
        ValueError: an entry is not what a run writes, naming it.
    """
    if not isinstance(entries, list) or len(entries) > MAX_CYCLES:
        raise ValueError(f'{path}: is no list of up to {MAX_CYCLES} evaluated cycles')
    for number, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise ValueError(f'{path}: entry {number} is {str(entry)[:80]!r}')
        by_class, seconds = entry.get('AP', {}), entry.get('seconds', {})
        good = type(entry.get('cycle')) is int and type(entry.get('labeled')) is int
        good = good and isinstance(by_class, Mapping) and isinstance(seconds, Mapping)
        numbers = [entry.get('mAP'), entry.get('boxes'), *by_class.values()] if good else []
        good = good and all(value is None or is_number(value) for value in numbers)
        if not (good and all(map(is_number, seconds.values()))):
            raise ValueError(f'{path}: entry {number} is not what a run writes: {str(entry)[:80]}')
    return entries


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return type(value) in (int, float) and abs(value) < 2**63 and math.isfinite(value)


def is_training_line(line: Mapping[str, Any]) -> bool:
    """Whether a line of a loss log tells of a training step: whole numbers say which, losses are numbers."""
    positions = [line.get(name, 0) for name in (*_POSITIONS, 'stage_epoch', 'epoch_iter')]
    losses = [value for name, value in line.items() if name.startswith('loss')]
    return (
        line.get('mode') == 'train'
        and all(type(value) is int and 0 <= value < 2**31 for value in positions)
        and all(type(value) in (int, float) for value in losses)
        and isinstance(line.get('stage', ''), str)
    )


def checked_array(path: Path, kinds: str) -> np.ndarray:
    """Read an array ``(n,)`` of numbers.

    Args:
        path: npy file.
        kinds: of its values, as NumPy's ``dtype.kind`` says them.

    Raises:
        ValueError: it has another shape, or values of another kind.
    """
    array = load_array(path)
    if array.ndim != 1 or array.dtype.kind not in kinds:
        raise ValueError(f'{path}: has the shape {array.shape} and values of type {array.dtype}')
    return array
