"""Who labels the images of a run, and what it is evaluated on: translated from its settings."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..active.annotator import Annotator, SimulatedAnnotator
from ..active.batches import BatchAnnotator
from ..active.cycle_training import CycleTrainer
from ..active.first_batch import choose_coreset
from ..active.selection import SelectionSettings
from ..active.split import Split
from ..active.taken_labels import TEST, TRAIN
from ..engine.inference import detect
from ..run.manifest import RunState
from .photographs import build_test_set
from .preflight import Prepared
from .settings import RunSettings


class SimulatedLabeling:
    """Labels that come with the data.

    Args:
        settings: of the run.
        prepared: from the checks before the start.
    """

    def __init__(self, settings: RunSettings, prepared: Prepared) -> None:
        self._settings = settings
        self._prepared = prepared

    @cached_property
    def annotator(self) -> Annotator:
        """The annotator."""
        return SimulatedAnnotator(self._prepared.data.labeled)

    def first_split(self) -> Split:
        """Return the split of the first cycle."""
        return self._prepared.first_split

    def test_set(self) -> Any:
        """Return the test set, None without one."""
        return self._prepared.data.test


class PersonLabeling(SimulatedLabeling):
    """Labels that people give, batch by batch.

    Args:
        settings: of the run.
        prepared: from the checks before the start.
        trainer: gives the models that propose boxes.
        state: the run's manifest.
        logger: for the text log.
    """

    def __init__(
        self,
        settings: RunSettings,
        prepared: Prepared,
        *,
        trainer: CycleTrainer,
        state: RunState,
        logger: logging.Logger,
    ) -> None:
        super().__init__(settings, prepared)
        self._trainer = trainer
        self._state = state
        self._logger = logger

    @cached_property
    def annotator(self) -> BatchAnnotator:
        """The annotator."""
        data = self._prepared.data
        return BatchAnnotator(
            data.labeled,
            data.pool,
            settings=self._settings.annotator,
            state=self._state,
            detect=self._detect,
            logger=self._logger,
        )

    def first_split(self) -> Split:
        """Ask for the test set and the first images, each in a batch of its own; return the first split.

        Raises:
            LabelsWanted: people have to label them first.
            ValueError: all images are asked for, and there is no object in them.
        """
        settings, prepared = self._settings, self._prepared
        cycle = settings.labeling.cycles[0]
        if len(prepared.test_images):
            self.annotator.write(TEST, cycle, lambda: prepared.test_images)
        batches = 1
        while True:
            self.annotator.write(TRAIN, cycle, self._first_images, batches)
            labeled = self.annotator.collect(cycle)
            if self.annotator.boxes_given():
                break
            self._logger.warning('There is no object in the images so far: others are asked for.')
            batches += 1
        pool_size = len(prepared.data.pool)
        return settings.labeling.split_of(labeled, pool_size, self._selection(), settings.seed)

    @cached_property
    def _labeled_test_set(self) -> Any:
        self.annotator.label(np.array([], dtype=np.int64))
        pool = self._prepared.data.pool.index
        return build_test_set(self._settings.data.test, pool, self.annotator.test_objects)

    def test_set(self) -> Any:
        """Return the images of the test set that people labeled, None without one."""
        if not len(self._prepared.test_images):
            return super().test_set()
        return self._labeled_test_set

    def _first_images(self) -> np.ndarray:
        settings, prepared = self._settings, self._prepared
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
            self._trainer.fresh_model(),
            pool,
            candidates,
            size,
            included=() if asked else selection.included,
            seed=settings.seed,
            settings=prepared.scoring,
        )

    def _selection(self) -> SelectionSettings:
        selection = self._prepared.selection
        excluded = (*selection.excluded, *self.annotator.left_out(self._settings.labeling.cycles[0]))
        return replace(selection, excluded=excluded, included=())

    def _detect(self, cycle: int, indices: np.ndarray) -> list[list[np.ndarray]]:
        model, pool = self._trainer.model(cycle), self._prepared.data.pool
        return detect(model, pool.scoring_view(), self._prepared.scoring, indices=indices)


def build_labeling(
    settings: RunSettings,
    prepared: Prepared,
    *,
    trainer: CycleTrainer,
    state: RunState,
    logger: logging.Logger,
) -> SimulatedLabeling:
    """Build what a run's labels come from; see the classes for the arguments."""
    if settings.annotator is None:
        return SimulatedLabeling(settings, prepared)
    return PersonLabeling(settings, prepared, trainer=trainer, state=state, logger=logger)
