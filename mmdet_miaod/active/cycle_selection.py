"""Selection of the images to label after a cycle, with a second look at a few of them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from .. import distributed
from ..randomness import derive_seeds
from ..run.files import load_array
from ..run.manifest import RunState
from .annotator import Annotator
from .cycle_scoring import CycleScorer, quality_name, scores_name
from .feature_files import load_features
from .query.base import Query, QueryStrategy
from .selection import SelectionSettings, preselect_images, select_images

_LOGGER = logging.getLogger('mmdet')


@dataclass(frozen=True, kw_only=True)
class CycleSelector:
    """Asks the strategy for the images to label.

    Attributes:
        strategy: ranks them.
        scorer: has scored the candidates, and looks again at those that the strategy preselects.
        settings: the budget.
        seed: of the run; each cycle's query has another one.
        annotator: is asked for labels under a budget of boxes.
        state: the run's manifest.
    """

    strategy: QueryStrategy
    scorer: CycleScorer
    settings: SelectionSettings
    seed: int
    annotator: Annotator
    state: RunState

    def select(
        self, cycle: int, labeled: np.ndarray, candidates: np.ndarray, model: Callable[[int], nn.Module]
    ) -> np.ndarray:
        """Choose images; for all processes to call. The main process alone ranks.

        Args:
            cycle: number of the cycle.
            labeled: ``(m,)`` int64 pool indices, ascending.
            candidates: ``(n,)`` int64 pool indices, ascending.
            model: returns a cycle's trained model.

        Returns:
            ``(k,)`` int64, in the order in which :func:`~mmdet_miaod.active.split.next_split` takes them.
        """
        preselected = None
        if self.strategy.looks_again:

            def preselect(heartbeat: Callable[[], None]) -> np.ndarray:
                query = self._query(cycle, labeled, candidates, heartbeat)
                return preselect_images(self.strategy, query, self.settings, self.annotator)

            preselected = distributed.on_main_for_long(preselect)
            self.scorer.look_again(cycle, model(cycle), preselected)

        def select(heartbeat: Callable[[], None]) -> np.ndarray:
            query = self._query(cycle, labeled, candidates, heartbeat)
            if preselected is not None:
                second_look = self.scorer.load_second_look(cycle, preselected)
                query = replace(query, preselected=preselected, second_look=second_look)
            selected, spent = select_images(self.strategy, query, self.settings, self.annotator)
            if spent < self.settings.size:
                _LOGGER.warning(
                    'Cycle %d: the budget is %d (unit: %s), but the %d images to select from give only %d.',
                    *(cycle, self.settings.size, self.settings.unit, len(candidates), spent),
                )
            return selected

        return distributed.on_main_for_long(select)

    def _query(
        self, cycle: int, labeled: np.ndarray, candidates: np.ndarray, heartbeat: Callable[[], None]
    ) -> Query:
        strategy, directory = self.strategy, self.state.directory
        return Query(
            candidates=candidates,
            labeled=labeled,
            scores=load_array(directory / scores_name(cycle)),
            seed=int(derive_seeds(1, self.seed, cycle)[0]),
            features=load_features(directory, cycle, strategy.features),
            class_counts=self.annotator.class_counts(labeled) if strategy.needs_counts else None,
            class_quality=load_array(directory / quality_name(cycle)) if strategy.needs_quality else None,
            heartbeat=heartbeat,
        )
