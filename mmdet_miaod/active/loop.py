"""The active-learning loop: train, evaluate, score, rank, label, cycle by cycle."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from .. import distributed
from ..datasets.loaders import TrainLoader
from ..datasets.pool import ImagePoolDataset
from ..run.file_record import FileRecord
from ..run.files import load_array
from ..run.manifest import RunState
from ..run.metrics import write_metrics
from ..run.step import FinishedStep
from .annotator import Annotator
from .cycle_scoring import CycleScorer, scores_name
from .cycle_selection import CycleSelector
from .cycle_split import CycleSplits
from .cycle_training import CycleTrainer
from .label_losses import label_losses_name, write_label_losses
from .query.base import QueryStrategy
from .selection import SelectionSettings, query_candidates
from .split import Split, hash_indices, next_split


@dataclass(frozen=True)
class LoopSettings:
    """What is labeled when.

    Attributes:
        cycles: numbers of the cycles, ascending, for example 0 to 6.
        selection: what is labeled after each cycle but the last (``X_S_size``).
        seed: seed of the splits.
    """

    cycles: Sequence[int]
    selection: SelectionSettings
    seed: int


class ActiveLearningLoop:
    """Runs the cycles; whatever the manifest says is done is not done again.

    Args:
        settings: what is labeled when.
        first_split: returns the split of the first cycle; called once the run has none.
        pool: the image pool.
        annotator: is asked for labels.
        build_loaders: makes the labeled and unlabeled loader of a split, by tag.
        trainer: trains the model of a cycle.
        evaluate: returns the metrics of a cycle's model, ``mAP`` and ``AP`` among them, and the records of
            the files that it wrote.
        label_losses: returns the losses ``(n,)`` of labeled images ``(n,)`` under a cycle's model.
        look_at: called with the cycle, its model and the images that are to be labeled ``(n,)``, those of
            the highest scores first; returns the records of the files that it wrote.
        scorer: scores the unlabeled images.
        strategy: ranks the images to label.
        state: the run's manifest.
        logger: for the text log.
        on_cycle_end: called with the number of the cycle after its evaluation.

    Attributes:
        splits: the splits of the cycles.
    """

    def __init__(
        self,
        settings: LoopSettings,
        *,
        first_split: Callable[[], Split],
        pool: ImagePoolDataset,
        annotator: Annotator,
        build_loaders: Callable[[Split], dict[str, TrainLoader]],
        trainer: CycleTrainer,
        evaluate: Callable[[int, nn.Module], tuple[dict[str, Any], list[FileRecord]]],
        label_losses: Callable[[nn.Module, np.ndarray], np.ndarray],
        look_at: Callable[[int, nn.Module, np.ndarray], list[FileRecord]],
        scorer: CycleScorer,
        strategy: QueryStrategy,
        state: RunState,
        logger: logging.Logger,
        on_cycle_end: Callable[[int], None] = lambda cycle: None,
    ) -> None:
        self._settings = settings
        self._first_split = first_split
        self._pool = pool
        self._annotator = annotator
        self._build_loaders = build_loaders
        self._trainer = trainer
        self._evaluate_model = evaluate
        self._label_losses = label_losses
        self._look_at_selected = look_at
        self._scorer = scorer
        self._strategy = strategy
        self._state = state
        self._logger = logger
        self._on_cycle_end = on_cycle_end
        self.splits = CycleSplits(pool, annotator, state, logger)
        self._selector = CycleSelector(
            strategy=strategy,
            scorer=scorer,
            settings=settings.selection,
            seed=settings.seed,
            annotator=annotator,
            state=state,
            logger=logger,
        )

    def run(self) -> None:
        """Run all cycles that are left, or fewer when the pool runs out of unlabeled images."""
        self._tidy()
        cycles, split = self._where_to_begin()
        for cycle, next_cycle in zip(cycles, [*cycles[1:], None], strict=True):
            self._annotator.label(split.labeled)
            self._train(cycle, split)
            self._evaluate(cycle, split)
            if next_cycle is None:
                break
            candidates = self._candidates(cycle, split)
            if not len(candidates):
                self._logger.warning(
                    'Every image of the pool is labeled: the run ends after cycle %d.', cycle
                )
                break
            self._score(cycle, split, candidates)
            split = self._label(next_cycle, split, partial(self._choose, cycle, split, candidates))
        self._state.once('end', cycle, lambda: self._step('end', cycle))
        write_metrics(self._state)

    def _where_to_begin(self) -> tuple[list[int], Split]:
        """Return the cycles that are left and the split of the first of them.

        The files of a finished cycle are not needed: the next one's split is all there is to know.
        """
        cycles = list(self._settings.cycles)
        begun = [cycle for cycle in cycles if self._state.find('split', cycle) is not None]
        if begun:
            return cycles[cycles.index(begun[-1]) :], self.splits.load(begun[-1])
        split = self._first_split()
        self.splits.save(cycles[0], split)
        return cycles, split

    def _train(self, cycle: int, split: Split) -> None:
        self._state.once('model', cycle, lambda: self._trainer.train(cycle, self._build_loaders(split)))
        self._trainer.tidy()

    def _evaluate(self, cycle: int, split: Split) -> None:
        def evaluate() -> FinishedStep:
            started = time.monotonic()
            metrics, written = self._evaluate_model(cycle, self._trainer.model(cycle))
            seconds = time.monotonic() - started
            boxes = self._annotator.count_boxes(split.labeled.tolist())
            files = self._state.relative(written) | self._save_label_losses(cycle, split.labeled)
            return self._step('evaluation', cycle, dict(boxes=boxes, **metrics, seconds=seconds), files)

        if self._state.once('evaluation', cycle, evaluate):
            write_metrics(self._state)
            self._on_cycle_end(cycle)

    def _save_label_losses(self, cycle: int, labeled: np.ndarray) -> dict[str, list]:
        losses = self._label_losses(self._trainer.model(cycle), labeled)
        path, names = self._state.path(label_losses_name(cycle)), self._pool.index.names
        record = distributed.on_main(lambda: write_label_losses(path, labeled, losses, names))
        return self._state.relative([record])

    def _candidates(self, cycle: int, split: Split) -> np.ndarray:
        selection, seed = self._settings.selection, self._settings.seed
        selection = replace(selection, excluded=self._excluded(cycle), included=())
        # Images that joined the pool since may lack what others were scored by.
        pool_size = self._state.find('split', cycle).values.get('pool', len(self._pool))
        return query_candidates(split, selection, pool_size=pool_size, seed=seed, cycle=cycle)

    def _excluded(self, cycle: int) -> tuple[int, ...]:
        return (*self._settings.selection.excluded, *self._annotator.left_out(cycle))

    def _score(self, cycle: int, split: Split, candidates: np.ndarray) -> None:
        def score() -> FinishedStep:
            model = self._trainer.model(cycle) if self._strategy.needs_model else None
            return self._scorer.score(cycle, model, candidates, split.labeled)

        self._state.once('scores', cycle, score, self._scorer.is_current)
        self._scorer.tidy()

    def _rank(self, cycle: int, split: Split, candidates: np.ndarray) -> np.ndarray:
        return self._selector.select(cycle, split.labeled, candidates, lambda: self._trainer.model(cycle))

    def _choose(self, cycle: int, split: Split, candidates: np.ndarray) -> np.ndarray:
        selected = self._rank(cycle, split, candidates)
        self._look_at(cycle, selected)
        return selected

    def _look_at(self, cycle: int, selected: np.ndarray) -> None:
        """Keep what the model finds in the images that it wants labeled, for people to look at."""

        def look() -> FinishedStep:
            scores = load_array(self._state.directory / scores_name(cycle))
            ordered = np.sort(selected)
            ordered = ordered[np.argsort(-scores[ordered], kind='stable')]
            written = self._look_at_selected(cycle, self._trainer.model(cycle), ordered)
            return self._step('selected', cycle, dict(images=images), self._state.relative(written))

        images = hash_indices(selected)
        self._state.once('selected', cycle, look, lambda step: step.values['images'] == images)

    def _label(self, next_cycle: int, split: Split, choose: Callable[[], np.ndarray]) -> Split:
        selected = self._annotator.ask(next_cycle, choose)
        excluded = self._excluded(next_cycle)
        following = next_split(split, selected, len(self._pool), self._settings.seed, excluded)
        self.splits.save(next_cycle, following)
        self._scorer.tidy()
        write_metrics(self._state)
        self._logger.info(
            'Cycle %d begins with %d images that were selected and labeled.', next_cycle, len(selected)
        )
        return following

    def _step(
        self,
        kind: str,
        cycle: int,
        values: dict[str, Any] | None = None,
        files: dict[str, list] | None = None,
    ) -> FinishedStep:
        """Return a step that the run can resume from where it has the cycle's model."""
        needs = self._state.find('model', cycle).needs
        return FinishedStep(kind, cycle, files=files or {}, needs=needs, values=values or {})

    def _tidy(self) -> None:
        """Make what is made of other files anew, and delete what nothing needs, after whatever happened."""
        self._trainer.tidy()
        self._scorer.tidy()
        self.splits.tidy()
        if self._state.of_kind('split'):
            write_metrics(self._state)
        self._state.remove_orphans()
