"""The active-learning loop: train, evaluate, score, query, label, cycle by cycle."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from .. import distributed
from ..datasets.loaders import TrainLoader
from ..datasets.pool import ImagePoolDataset
from ..randomness import derive_seeds
from .annotator import Annotator
from .cycle_scoring import CycleScorer, scores_name
from .cycle_training import CycleTrainer, split_names
from .metrics import write_metrics
from .pool import Split, initial_split, load_split, next_split, save_split, split_paths, write_name_lists
from .query import Query, QueryStrategy
from .run_state import RunState, Step
from .store import load_array


@dataclass(frozen=True)
class LoopSettings:
    """What is labeled when.

    Attributes:
        cycles: numbers of the cycles, ascending, for example 0 to 6.
        initial_size: images labeled before the first cycle (``X_L_0_size``).
        query_size: images labeled after each cycle but the last (``X_S_size``).
        seed: seed of the splits.
        initial_unlabeled_from: see :func:`~mmdet_miaod.active.pool.initial_split`.
    """

    cycles: Sequence[int]
    initial_size: int
    query_size: int
    seed: int
    initial_unlabeled_from: str = 'end'


class ActiveLearningLoop:
    """Runs the cycles; whatever the manifest says is done is not done again.

    Args:
        settings: what is labeled when.
        pool: the image pool.
        annotator: is asked for labels.
        build_loaders: makes the labeled and unlabeled loader of a split, by tag.
        trainer: trains the model of a cycle.
        evaluate: returns the metrics of a model, ``mAP`` and ``AP`` among them.
        scorer: scores the unlabeled images.
        strategy: selects the images to label.
        state: the run's manifest.
        logger: for the text log.
        on_cycle_end: called with the number of the cycle after its evaluation.
    """

    def __init__(
        self,
        settings: LoopSettings,
        pool: ImagePoolDataset,
        annotator: Annotator,
        build_loaders: Callable[[Split], dict[str, TrainLoader]],
        trainer: CycleTrainer,
        evaluate: Callable[[nn.Module], dict[str, Any]],
        scorer: CycleScorer,
        strategy: QueryStrategy,
        state: RunState,
        logger: logging.Logger,
        on_cycle_end: Callable[[int], None] = lambda cycle: None,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._annotator = annotator
        self._build_loaders = build_loaders
        self._trainer = trainer
        self._evaluate = evaluate
        self._scorer = scorer
        self._strategy = strategy
        self._state = state
        self._logger = logger
        self._on_cycle_end = on_cycle_end

    def run(self) -> None:
        """Run all cycles that are left, or fewer when the pool runs out of unlabeled images."""
        cycles = list(self._settings.cycles)
        split = self._first_split(cycles[0])
        for position, cycle in enumerate(cycles):
            split = self._saved_split(cycle) or split
            self._annotator.label(split.labeled)
            model = self._train_and_evaluate(cycle, split)
            if position + 1 == len(cycles):
                break
            if not len(split.candidates(len(self._pool))):
                self._logger.warning(
                    'Every image of the pool is labeled: the run ends after cycle %d.', cycle
                )
                break
            split = self._saved_split(cycles[position + 1]) or self._query(
                cycle, cycles[position + 1], split, model
            )
        if self._state.find('end', cycle) is None:
            self._state.record(Step('end', cycle))

    def _first_split(self, cycle: int) -> Split:
        saved = self._saved_split(cycle)
        if saved is not None:
            return saved
        settings = self._settings
        split = initial_split(
            len(self._pool), settings.initial_size, settings.seed, settings.initial_unlabeled_from
        )
        self.save_split(cycle, split)
        return split

    def save_split(self, cycle: int, split: Split) -> None:
        """Write a cycle's split, as npy and as lists of names, and record it."""

        def save() -> Step:
            index = self._pool.index
            directory = self._state.directory
            records = save_split(split, directory, cycle)
            records += write_name_lists(
                split, index.names, index.list_ids, index.tags, directory / f'cycle{cycle}'
            )
            values = dict(labeled=len(split.labeled), unlabeled=len(split.unlabeled))
            files = self._state.relative(records)
            return Step('split', cycle, files=files, needs=split_names(cycle), values=values)

        self._state.record(distributed.on_main(save))

    def _saved_split(self, cycle: int) -> Split | None:
        if self._state.find('split', cycle) is None:
            return None
        return load_split(*split_paths(self._state.directory, cycle), len(self._pool))

    def _train_and_evaluate(self, cycle: int, split: Split) -> nn.Module | None:
        """Return the cycle's model, or None when nothing more is asked of it."""
        if self._state.find('scores', cycle) is not None:
            return None
        model = self._trainer.finished_model(cycle)
        if model is None:
            self._logger.info('Cycle %d: training on %d labeled images.', cycle, len(split.labeled))
            model = self._trainer.train(cycle, self._build_loaders(split))
        if self._state.find('evaluation', cycle) is None:
            started = time.monotonic()
            metrics = self._evaluate(model)
            needs = self._state.find('model', cycle).needs
            values = dict(metrics, seconds=time.monotonic() - started)
            self._state.record(Step('evaluation', cycle, needs=needs, values=values))
            self._report(cycle)
        return model

    def _report(self, cycle: int) -> None:
        if distributed.is_main():
            write_metrics(self._state)
        self._on_cycle_end(cycle)

    def _query(self, cycle: int, next_cycle: int, split: Split, model: nn.Module | None) -> Split:
        candidates = split.candidates(len(self._pool))
        if self._state.find('scores', cycle) is None:
            self._scorer.score(cycle, model, candidates)
        scores = load_array(self._state.directory / scores_name(cycle))
        size = min(self._settings.query_size, len(candidates))
        if size < self._settings.query_size:
            self._logger.warning('Only %d unlabeled images are left to select from.', size)
        seed = int(derive_seeds(1, self._settings.seed, cycle)[0])
        query = Query(candidates, size, scores, split.labeled, seed)
        selected = distributed.on_main(lambda: np.asarray(self._strategy.select(query)))
        following = next_split(split, selected, len(self._pool), self._settings.seed)
        self.save_split(next_cycle, following)
        if distributed.is_main():
            write_metrics(self._state)
        self._logger.info('Cycle %d: %d images were selected and labeled.', cycle, len(selected))
        return following
