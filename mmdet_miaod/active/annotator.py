"""Where labels are asked for."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Annotator(Protocol):
    """Anything that can be asked for the labels of pool images, between two cycles."""

    def label(self, indices: np.ndarray) -> None:
        """Make the labels of these pool images available to the labeled data set."""


class SimulatedAnnotator:
    """Answers at once, from the annotation files that come with the data set.

    Args:
        dataset: a data set with ``label(indices)``, which reads the annotation files of these images
            and of no others.
    """

    def __init__(self, dataset: Annotator) -> None:
        self._dataset = dataset

    def label(self, indices: np.ndarray) -> None:
        self._dataset.label(indices)
