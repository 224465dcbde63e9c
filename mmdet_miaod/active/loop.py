"""The active-learning loop: train, evaluate, score, rank, label, cycle by cycle."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..datasets.loaders import TrainLoader
from ..run.file_record import FileRecord
from ..run.files import load_array
from ..run.manifest import RunState
from ..run.metrics import write_metrics
from ..run.step import FinishedStep
from .annotator import Annotator
from .cycle_evaluation import CycleEvaluator
from .cycle_scoring import CycleScorer, scores_name
from .cycle_selection import CycleSelector
from .cycle_split import CycleSplits
from .cycle_training import CycleTrainer
from .selection import SelectionSettings, query_candidates
from .split import Split, hash_indices, next_split

_LOGGER = logging.getLogger('mmdet')


@dataclass(frozen=True, kw_only=True)
class ActiveLearningLoop:
    """Runs the cycles; whatever the manifest says is done is not done again.

    Attributes:
        cycles: numbers of the cycles, ascending, for example 0 to 6.
        selection: what is labeled after each cycle but the last (``X_S_size``).
        seed: seed of the splits.
        first_split: returns the split of the first cycle; called once the run has none.
        annotator: is asked for labels.
        splits: saves and loads the splits.
        build_loaders: makes the labeled and unlabeled loader of a split, by tag.
        trainer: trains the model of a cycle.
        evaluator: evaluates it.
        scorer: scores the unlabeled images.
        selector: chooses the images to label.
        state: the run's manifest.
        on_labeled: called with the images ``(n,)`` that a cycle trains on, once they are labeled.
        on_cycle_end: called with the number of the cycle after its evaluation.
    """

    cycles: Sequence[int]
    selection: SelectionSettings
    seed: int
    first_split: Callable[[], Split]
    annotator: Annotator
    splits: CycleSplits
    build_loaders: Callable[[Split], dict[str, TrainLoader]]
    trainer: CycleTrainer
    evaluator: CycleEvaluator
    scorer: CycleScorer
    selector: CycleSelector
    state: RunState
    on_labeled: Callable[[np.ndarray], None] = lambda labeled: None
    on_cycle_end: Callable[[int], None] = lambda cycle: None

    def run(self) -> None:
        """Run all cycles that are left, or fewer when the pool runs out of unlabeled images."""
        self._tidy()
        cycles, split = self._where_to_begin()
        for cycle, next_cycle in zip(cycles, [*cycles[1:], None], strict=True):
            self.annotator.label(split.labeled)
            self.on_labeled(split.labeled)
            self._train(cycle, split)
            self._evaluate(cycle, split)
            if next_cycle is None:
                break
            candidates = self._candidates(cycle, split)
            if not len(candidates):
                _LOGGER.warning('Every image of the pool is labeled: the run ends after cycle %d.', cycle)
                break
            self._score(cycle, split, candidates)
            split = self._label(next_cycle, split, partial(self._rank, cycle, split, candidates))
        self.state.once('end', cycle, lambda: self._step('end', cycle))
        write_metrics(self.state)

    def _where_to_begin(self) -> tuple[list[int], Split]:
        """Return the cycles that are left and the split of the first of them.

        The files of a finished cycle are not needed: the next one's split is all there is to know.
        """
        cycles = list(self.cycles)
        begun = [cycle for cycle in cycles if self.state.find('split', cycle) is not None]
        if begun:
            return cycles[cycles.index(begun[-1]) :], self.splits.load(begun[-1])
        split = self.first_split()
        self.splits.save(cycles[0], split)
        return cycles, split

    def _train(self, cycle: int, split: Split) -> None:
        self.state.once('model', cycle, lambda: self.trainer.train(cycle, self.build_loaders(split)))
        self.trainer.tidy()

    def _evaluate(self, cycle: int, split: Split) -> None:
        def evaluate() -> FinishedStep:
            metrics, written = self.evaluator.evaluate(cycle, self.trainer.model(cycle), split.labeled)
            boxes = self.annotator.count_boxes(split.labeled.tolist())
            return self._step('evaluation', cycle, dict(boxes=boxes, **metrics), written)

        if self.state.once('evaluation', cycle, evaluate):
            write_metrics(self.state)
            self.on_cycle_end(cycle)

    def _candidates(self, cycle: int, split: Split) -> np.ndarray:
        selection = replace(self.selection, excluded=self._excluded(cycle), included=())
        # Images that joined the pool since may lack what others were scored by.
        pool_size = self.state.find('split', cycle).values.get('pool', len(self.splits.pool))
        return query_candidates(split, selection, pool_size=pool_size, seed=self.seed, cycle=cycle)

    def _excluded(self, cycle: int) -> tuple[int, ...]:
        return (*self.selection.excluded, *self.annotator.left_out(cycle))

    def _score(self, cycle: int, split: Split, candidates: np.ndarray) -> None:
        score = partial(self.scorer.score, cycle, self.trainer.model, candidates, split.labeled)
        self.state.once('scores', cycle, score, self.scorer.is_current)
        self.scorer.tidy()

    def _rank(self, cycle: int, split: Split, candidates: np.ndarray) -> np.ndarray:
        selected = self.selector.select(cycle, split.labeled, candidates, self.trainer.model)
        images = hash_indices(selected)

        def look() -> FinishedStep:
            """Keep what the model finds in the images that it wants labeled, for people to look at."""
            scores = load_array(self.state.directory / scores_name(cycle))
            ordered = np.sort(selected)
            ordered = ordered[np.argsort(-scores[ordered], kind='stable')]
            written = self.evaluator.look_at(cycle, self.trainer.model(cycle), ordered)
            return self._step('selected', cycle, dict(images=images), written)

        self.state.once('selected', cycle, look, lambda step: step.values['images'] == images)
        return selected

    def _label(self, next_cycle: int, split: Split, choose: Callable[[], np.ndarray]) -> Split:
        selected = self.annotator.ask(next_cycle, choose)
        excluded = self._excluded(next_cycle)
        following = next_split(split, selected, len(self.splits.pool), self.seed, excluded)
        self.splits.save(next_cycle, following)
        self.scorer.tidy()
        write_metrics(self.state)
        _LOGGER.info(
            'Cycle %d begins with %d images that were selected and labeled.', next_cycle, len(selected)
        )
        return following

    def _step(
        self, kind: str, cycle: int, values: dict[str, Any] | None = None, written: Sequence[FileRecord] = ()
    ) -> FinishedStep:
        """Return a step that the run can resume from where it has the cycle's model."""
        needs, files = self.state.find('model', cycle).needs, self.state.relative(written)
        return FinishedStep(kind, cycle, files=files, needs=needs, values=values or {})

    def _tidy(self) -> None:
        """Make what is made of other files anew, and delete what nothing needs, after whatever happened."""
        self.trainer.tidy()
        self.scorer.tidy()
        self.splits.tidy()
        if self.state.of_kind('split'):
            write_metrics(self.state)
        self.state.remove_orphans()
