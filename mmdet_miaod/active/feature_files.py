"""Arrays of images on disk: one per feature, and one per chunk while a pass over the images lasts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..run.file_record import FileRecord
from ..run.files import load_array, save_array


def features_name(cycle: int, name: str) -> str:
    """Path of a cycle's features ``(N, D)`` in the run directory."""
    return f'cycle{cycle}/features_{name}.npy'


def part_name(cycle: int, number: int, name: str) -> str:
    """Path of one chunk of an array in the run directory, while the pass that makes it lasts."""
    return f'cycle{cycle}/{name}_part_{number:05d}.npy'


def merge_parts(
    count: int, parts: Sequence[tuple[np.ndarray, dict[str, np.ndarray]]]
) -> dict[str, np.ndarray]:
    """Put a chunk together from what each process computed of it.

    Args:
        count: number of images of the chunk.
        parts: per process the ``(n,)`` positions in the chunk, and per name the ``(n, ...)`` values there.

    Returns:
        ``(count, ...)`` float32 per name.
    """
    merged: dict[str, np.ndarray] = {}
    for positions, arrays in parts:
        for name, values in arrays.items():
            if len(positions):
                merged.setdefault(name, np.full((count, *values.shape[1:]), np.nan, dtype=np.float32))
                merged[name][positions] = values
    return merged


def join_features(
    directory: Path, cycle: int, *, names: Sequence[str], chunks: Sequence[np.ndarray], pool_size: int
) -> list[FileRecord]:
    """Write each feature of all chunks as one array ``(N, D)``, with rows of NaN for images in no chunk.

    Args:
        directory: the run directory.
        cycle: number of the cycle.
        names: which features.
        chunks: ``(n,)`` pool indices per chunk; nothing is written without chunks.
        pool_size: number of images N in the pool.

    Returns:
        The files, in the order of ``names``.
    """
    records = []
    for name in names if len(chunks) else ():
        joined = None
        for number, chunk in enumerate(chunks):
            part = load_array(directory / part_name(cycle, number, f'features_{name}'))
            if joined is None:
                joined = np.full((pool_size, part.shape[1]), np.nan, dtype=np.float32)
            joined[chunk] = part
        records.append(save_array(directory / features_name(cycle, name), joined))
    return records


def load_features(directory: Path, cycle: int, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read a cycle's features, ``(N, D)`` float32 per name."""
    return {name: load_array(directory / features_name(cycle, name)) for name in names}
