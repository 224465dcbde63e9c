"""Image features on disk: one array per feature, and one per chunk while the scoring lasts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..run.file_record import FileRecord
from ..run.files import load_array, save_array


def features_name(cycle: int, name: str) -> str:
    """Path of a cycle's features ``(N, D)`` in the run directory."""
    return f'cycle{cycle}/features_{name}.npy'


def _part_name(cycle: int, number: int, name: str) -> str:
    return f'cycle{cycle}/features_{name}_part_{number:05d}.npy'


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


def save_feature_parts(
    directory: Path, cycle: int, number: int, features: dict[str, np.ndarray]
) -> list[FileRecord]:
    """Write the features of one chunk, ``(n, D)`` float32 per name.

    Args:
        directory: the run directory.
        cycle: number of the cycle.
        number: of the chunk.
        features: of its images, in their order.

    Returns:
        The files, in the order of ``features``.
    """
    return [
        save_array(directory / _part_name(cycle, number, name), values) for name, values in features.items()
    ]


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
            part = load_array(directory / _part_name(cycle, number, name))
            if joined is None:
                joined = np.full((pool_size, part.shape[1]), np.nan, dtype=np.float32)
            joined[chunk] = part
        records.append(save_array(directory / features_name(cycle, name), joined))
    return records


def load_features(directory: Path, cycle: int, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read a cycle's features, ``(N, D)`` float32 per name."""
    return {name: load_array(directory / features_name(cycle, name)) for name in names}
