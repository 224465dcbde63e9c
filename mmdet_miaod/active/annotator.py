"""Annotators: who is asked for labels, between two cycles."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset


class LabelsWanted(Exception):
    """The run cannot go on before people have labeled what it wrote.

    Args:
        directory: the run directory.
        batches: numbers of the batches that are not labeled yet.
        images: how many images they have together.
        open_images: how many of them nobody decided about yet.
    """

    def __init__(self, directory: Path, batches: Sequence[int], images: int, open_images: int) -> None:
        self.directory = directory
        self.batches = tuple(batches)
        self.images = images
        self.open_images = open_images
        numbers = ' and '.join(map(str, self.batches))
        super().__init__(
            f'Batch {numbers}: {images} images wait for labels ({open_images} of them undecided) in '
            f'{directory / "batches"}.'
        )


class Annotator:
    """Asks for the labels of pool images, given as ``(n,)`` int64 indices.

    This one, of experiments, answers from the annotation files that come with the data set.

    Args:
        dataset: with ``label(indices)``, which reads the annotation files of these images
            and of no others, ``get_cat_ids(index)`` and ``CLASSES``.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def ask(self, cycle: int, choose: Callable[[], np.ndarray]) -> np.ndarray:
        """Ask for the labels that a cycle is to train on besides those it has.

        Args:
            cycle: number of the cycle.
            choose: returns the ``(n,)`` int64 pool indices to label; for all processes to call, and only
                where they were not chosen before.

        Returns:
            ``(m,)`` int64, those of the chosen images that are labeled now, in the order of the choice.

        Raises:
            LabelsWanted: a person has to label them first.
        """
        return choose()

    def left_out(self, cycle: int) -> Sequence[int]:
        """Pool indices of images that could not be labeled up to a cycle and are not asked for again."""
        return ()

    def label(self, indices: np.ndarray) -> None:
        """Make the labels of these pool images available to the labeled data set."""
        self._dataset.label(indices)

    def count_boxes(self, indices: Sequence[int]) -> int:
        """Label these pool images and return the number of their boxes."""
        self.label(indices)
        return sum(len(self._dataset.get_cat_ids(int(i))) for i in indices)

    def class_counts(self, indices: Sequence[int]) -> np.ndarray:
        """Number of boxes per class in these labeled images, ``(C,)`` int64."""
        counts = np.zeros(len(self._dataset.CLASSES), dtype=np.int64)
        for i in indices:
            np.add.at(counts, self._dataset.get_cat_ids(int(i)), 1)
        return counts

    def split_files(self, labeled: np.ndarray, unlabeled: np.ndarray) -> dict[str, str]:
        """Text per file name of a split in the data's own format, beside its ``.npy`` files.

        Args:
            labeled: ``(m,)`` int64 pool indices.
            unlabeled: ``(u,)`` int64 pool indices of X_U.
        """
        if not hasattr(self._dataset, 'split_files'):
            return {}
        self.label(labeled)
        return self._dataset.split_files(labeled, unlabeled)
