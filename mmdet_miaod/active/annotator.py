"""Annotators: who is asked for labels, between two cycles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch.utils.data import Dataset


class Annotator(Protocol):
    """Anything that can be asked for the labels of pool images, given as ``(n,)`` int64 indices."""

    def label(self, indices: np.ndarray) -> None:
        """Make the labels of these pool images available to the labeled data set."""

    def count_boxes(self, indices: Sequence[int]) -> int:
        """Label these pool images and return the number of their boxes."""

    def class_counts(self, indices: Sequence[int]) -> np.ndarray:
        """Number of boxes per class in these labeled images, ``(C,)`` int64."""

    def split_files(self, labeled: np.ndarray, unlabeled: np.ndarray) -> dict[str, str]:
        """Text per file name of a split in the data's own format, beside its ``.npy`` files.

        Args:
            labeled: ``(m,)`` int64 pool indices.
            unlabeled: ``(u,)`` int64 pool indices of X_U.
        """


class SimulatedAnnotator:
    """Annotator of experiments: answers from the annotation files that come with the data set.

    Args:
        dataset: with ``label(indices)``, which reads the annotation files of these images
            and of no others, ``get_cat_ids(index)`` and ``CLASSES``.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def label(self, indices: np.ndarray) -> None:
        """Read the annotation files of these images."""
        self._dataset.label(indices)

    def count_boxes(self, indices: Sequence[int]) -> int:
        """Number of boxes in these images, whose annotation files are read."""
        self.label(indices)
        return sum(len(self._dataset.get_cat_ids(int(i))) for i in indices)

    def class_counts(self, indices: Sequence[int]) -> np.ndarray:
        """Number of boxes per class in labeled images, ``(C,)`` int64."""
        counts = np.zeros(len(self._dataset.CLASSES), dtype=np.int64)
        for i in indices:
            np.add.at(counts, self._dataset.get_cat_ids(int(i)), 1)
        return counts

    def split_files(self, labeled: np.ndarray, unlabeled: np.ndarray) -> dict[str, str]:
        """Text per file name, of a data set that has such files."""
        if not hasattr(self._dataset, 'split_files'):
            return {}
        self.label(labeled)
        return self._dataset.split_files(labeled, unlabeled)
