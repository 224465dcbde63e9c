"""What is labeled next: candidates, budget, and the strategy's choice."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..randomness import derive_seeds
from .annotator import Annotator
from .query.base import Query, QueryStrategy
from .split import Split

BUDGET_UNITS = ('image', 'box')


@dataclass(frozen=True)
class SelectionSettings:
    """How much is labeled after a cycle, and of which images.

    Attributes:
        size: how many images or boxes.
        unit: ``'image'``, or ``'box'``: images are labeled one after another, the most wanted first, until
            they have ``size`` boxes together.
        fraction: fraction of the unlabeled images, drawn at random in each cycle, that the query looks at;
            never fewer than a budget of images labels.
        excluded: pool indices that are never labeled and never trained on.
        included: pool indices that are labeled before the first cycle, whatever is drawn.
    """

    size: int
    unit: str = 'image'
    fraction: float = 1.0
    excluded: tuple[int, ...] = ()
    included: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.unit not in BUDGET_UNITS:
            raise ValueError(f'budget.unit is {self.unit!r}: choose one of {list(BUDGET_UNITS)}')
        if self.size < 1:
            raise ValueError(f'the budget is {self.size}: at least 1 is needed')
        if not 0 < self.fraction <= 1:
            raise ValueError(f'query_fraction is {self.fraction}: a number in (0, 1] is needed')
        both = sorted(set(self.excluded) & set(self.included))
        if both:
            raise ValueError(f'images {both[:10]} are both excluded and always included')


def query_candidates(
    split: Split, pool_size: int, settings: SelectionSettings, seed: int, cycle: int
) -> np.ndarray:
    """Return the unlabeled images that the query looks at, ascending int64.

    Args:
        split: of the cycle that was trained.
        pool_size: number of images in the pool.
        settings: exclusions and the fraction.
        seed: seed of the run.
        cycle: number of the cycle; the fraction is drawn anew in each.
    """
    candidates = split.candidates(pool_size, settings.excluded)
    if settings.fraction == 1 or not len(candidates):
        return candidates
    random = np.random.RandomState(int(derive_seeds(2, seed, cycle)[1]) % 2**32)
    least = settings.size if settings.unit == 'image' else 1
    count = max(least, round(settings.fraction * len(candidates)))
    return np.sort(random.permutation(candidates)[:count])


def select_images(
    strategy: QueryStrategy, query: Query, settings: SelectionSettings, annotator: Annotator
) -> np.ndarray:
    """Return the indices to label.

    Args:
        strategy: chooses.
        query: its ``size`` is set here.
        settings: the budget.
        annotator: is asked for labels under a budget of boxes, where the next image depends on them.

    Raises:
        ValueError: the strategy selected something else than ``size`` different candidates.
    """
    if settings.unit == 'image':
        query = replace(query, size=min(settings.size, len(query.candidates)))
        return _checked(strategy.select(query), query)
    labeled_boxes = annotator.count_boxes(query.labeled.tolist())
    boxes_by_image = max(labeled_boxes / max(len(query.labeled), 1), 1)
    selected: list[int] = []
    boxes = 0
    while boxes < settings.size and len(query.candidates):
        # As many images as are likely to be needed; where they were too few, there is another round.
        wanted = math.ceil((settings.size - boxes) / boxes_by_image)
        query = replace(query, size=min(wanted, len(query.candidates)))
        for index in _checked(strategy.rank(query), query).tolist():
            selected.append(index)
            boxes += annotator.count_boxes([index])
            if boxes >= settings.size:
                break
        labeled = np.union1d(query.labeled, selected)
        candidates = np.setdiff1d(query.candidates, selected, assume_unique=True)
        query = replace(query, candidates=candidates, labeled=labeled)
    return np.array(selected, dtype=np.int64)


def _checked(selected: np.ndarray, query: Query) -> np.ndarray:
    selected = np.asarray(selected)
    usable = len(np.intersect1d(selected, query.candidates))
    if not len(selected) == usable == query.size:
        raise ValueError(
            f'the query strategy was asked for {query.size} of {len(query.candidates)} candidates and gave '
            f'{len(selected)} indices, {usable} of them different candidates'
        )
    return selected


def image_positions(entries: Sequence[str | int], names: Sequence[str]) -> tuple[int, ...]:
    """Translate image names (or pool indices) of a config's list into pool indices.

    Raises:
        ValueError: an image is not in the pool, or several have its name.
    """
    wanted = {entry for entry in entries if isinstance(entry, str)}
    named = [(name, i) for i, name in enumerate(names) if name in wanted] if wanted else []
    found = dict(named)
    if len(found) < len(named):
        twice = sorted(name for name, count in Counter(name for name, _ in named).items() if count > 1)
        raise ValueError(f'several images of the pool are called {twice[:5]}: give their indices')
    missing = sorted(wanted - found.keys())
    numbers = [entry for entry in entries if not isinstance(entry, str)]
    missing += [str(number) for number in numbers if not 0 <= number < len(names)]
    if missing:
        raise ValueError(f'{len(missing)} images are not in the pool, such as {missing[:5]}')
    return tuple(sorted({*found.values(), *map(int, numbers)}))
