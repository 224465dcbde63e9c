"""Who labels the images of a run, and what it is evaluated on: translated from its settings."""

import itertools
import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..active.annotator import Annotator
from ..active.batches import BatchAnnotator
from ..active.cycle_training import CycleTrainer
from ..active.first_batch import choose_coreset
from ..active.split import Split
from ..active.taken_labels import TEST, TRAIN
from ..engine.inference import detect
from ..run.manifest import RunState
from .photographs import build_test_set
from .preflight import Prepared
from .settings import RunSettings

_LOGGER = logging.getLogger('mmdet')


@dataclass(frozen=True)
class SimulatedLabeling:
    """Labels that come with the data.

    Attributes:
        settings: of the run.
        prepared: from the checks before the start.
    """

    settings: RunSettings
    prepared: Prepared

    @cached_property
    def annotator(self) -> Annotator:
        """The annotator."""
        return Annotator(self.prepared.data.labeled)

    def first_split(self) -> Split:
        """Return the split of the first cycle."""
        return self.prepared.first_split

    def test_set(self) -> Any:
        """Return the test set, None without one."""
        return self.prepared.data.test


@dataclass(frozen=True)
class PersonLabeling(SimulatedLabeling):
    """Labels that people give, batch by batch.

    Attributes:
        trainer: gives the models that propose boxes.
        state: the run's manifest.
    """

    trainer: CycleTrainer
    state: RunState

    @cached_property
    def annotator(self) -> BatchAnnotator:
        """The annotator."""
        data = self.prepared.data
        return BatchAnnotator(
            data.labeled,
            data.pool,
            settings=self.settings.annotator,
            state=self.state,
            detect=self._detect,
        )

    def first_split(self) -> Split:
        """Ask for the test set and the first images, each in a batch of its own; return the first split.

        Raises:
            LabelsWanted: people have to label them first.
            ValueError: all images are asked for, and there is no object in them.
        """
        settings, prepared = self.settings, self.prepared
        cycle = settings.labeling.cycles[0]
        if len(prepared.test_images):
            self.annotator.write(TEST, cycle, lambda: prepared.test_images)
        for batches in itertools.count(1):
            self.annotator.write(TRAIN, cycle, self._first_images, batches)
            labeled = self.annotator.collect(cycle)
            if self.annotator.boxes_given():
                break
            _LOGGER.warning('There is no object in the images so far: others are asked for.')
        selection = replace(
            prepared.selection,
            excluded=(*prepared.selection.excluded, *self.annotator.left_out(cycle)),
            included=tuple(labeled.tolist()),
        )
        labeling = replace(settings.labeling, initial_size=len(labeled))
        return labeling.draw_split(len(prepared.data.pool), selection, settings.seed)

    @cached_property
    def _labeled_test_set(self) -> Any:
        self.annotator.label(np.array([], dtype=np.int64))
        pool = self.prepared.data.pool.index
        return build_test_set(self.settings.data.test, pool, self.annotator.test_objects)

    def test_set(self) -> Any:
        """Return the images of the test set that people labeled, None without one."""
        if not len(self.prepared.test_images):
            return super().test_set()
        return self._labeled_test_set

    def _first_images(self) -> np.ndarray:
        settings, prepared = self.settings, self.prepared
        pool, selection, size = prepared.data.pool, prepared.selection, settings.labeling.initial_size
        asked = self.annotator.asked(settings.labeling.cycles[0])
        if settings.annotator.first == 'random' and not asked:
            return prepared.first_split.labeled
        candidates = np.setdiff1d(np.arange(len(pool)), [*selection.excluded, *asked])
        if asked and not len(candidates):
            raise ValueError('there is no object in any image that people labeled: nothing to train on')
        size = min(size, len(candidates))
        if settings.annotator.first == 'random':
            return np.random.RandomState(settings.seed).permutation(candidates)[:size]
        return choose_coreset(
            self.trainer.fresh_model(),
            pool,
            candidates,
            size,
            included=() if asked else selection.included,
            seed=settings.seed,
            settings=prepared.scoring,
        )

    def _detect(self, cycle: int, indices: np.ndarray) -> list[list[np.ndarray]]:
        model, pool = self.trainer.model(cycle), self.prepared.data.pool
        return detect(model, pool.scoring_view(), self.prepared.scoring, indices=indices)
