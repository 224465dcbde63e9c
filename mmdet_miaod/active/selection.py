"""Selection of the images to label: candidates, budget, and the strategy's choice."""

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
    """How much is labeled after each cycle, and among which images.

    Attributes:
        size: how many images or boxes.
        unit: ``'image'``, or ``'box'``: images are labeled one after another, the most wanted first, until
            they have ``size`` boxes together.
        fraction: fraction of the unlabeled images, drawn at random in each cycle, among which the query
            chooses; at least as many images as a budget of images asks for.
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
    split: Split, settings: SelectionSettings, *, pool_size: int, seed: int, cycle: int
) -> np.ndarray:
    """Unlabeled images among which the query chooses, ``(n,)`` int64 pool indices, ascending.

    Args:
        split: of the cycle that was trained.
        settings: exclusions and the fraction.
        pool_size: number of images in the pool.
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
) -> tuple[np.ndarray, int]:
    """Choose the images to label.

    Args:
        strategy: ranks them.
        query: what is known of the pool.
        settings: the budget.
        annotator: is asked for labels under a budget of boxes, where the next image depends on them.

    Returns:
        ``(n,)`` int64 pool indices, and how many images or boxes of the budget they are. The order counts
        where labeled images fill X_U up: highest scores come ascending under a budget of images, as
        published, all others the most wanted first.

    Raises:
        ValueError: the strategy chose something else than the asked number of different candidates.
    """
    if settings.unit == 'box':
        return _select_boxes(strategy, query, settings.size, annotator)
    order = _rank(strategy, query, min(settings.size, len(query.candidates)))
    return order[::-1] if strategy.selects_by_score else order, len(order)


def preselect_images(
    strategy: QueryStrategy, query: Query, settings: SelectionSettings, annotator: Annotator
) -> np.ndarray:
    """Choose the images for a strategy's second look, ``(p,)`` int64 different pool indices.

    Under a budget of boxes, they are as many as are likely to be needed.

    Raises:
        ValueError: the strategy chose something else than different candidates.
    """
    wanted = settings.size
    if settings.unit == 'box':
        wanted = math.ceil(settings.size / _boxes_per_image(query.labeled, annotator))
    images = np.asarray(strategy.preselect(query, min(wanted, len(query.candidates))))
    if len(np.intersect1d(images, query.candidates)) < len(images):
        raise ValueError(f'the query strategy preselected {len(images)} images, not all of them candidates')
    return images


def _boxes_per_image(labeled: np.ndarray, annotator: Annotator) -> float:
    return max(annotator.count_boxes(labeled.tolist()) / max(len(labeled), 1), 1)


def _select_boxes(
    strategy: QueryStrategy, query: Query, budget: int, annotator: Annotator
) -> tuple[np.ndarray, int]:
    """Label the most wanted images one after another, until they have ``budget`` boxes."""
    boxes_per_image = _boxes_per_image(query.labeled, annotator)
    selected: list[int] = []
    boxes = 0
    while boxes < budget and len(query.candidates):
        # As many images as are likely to be needed; where they were too few, there is another round.
        count = min(math.ceil((budget - boxes) / boxes_per_image), len(query.candidates))
        for index in _rank(strategy, query, count).tolist():
            selected.append(index)
            boxes += annotator.count_boxes([index])
            if boxes >= budget:
                break
        labeled = np.union1d(query.labeled, selected)
        candidates = np.setdiff1d(query.candidates, selected, assume_unique=True)
        query = replace(query, candidates=candidates, labeled=labeled)
    return np.array(selected, dtype=np.int64), boxes


def _rank(strategy: QueryStrategy, query: Query, count: int) -> np.ndarray:
    """The strategy's order of ``count`` images, if that is what it is."""
    order = np.asarray(strategy.rank(query, count))
    usable = len(np.intersect1d(order, query.candidates))
    if not len(order) == usable == count:
        raise ValueError(
            f'the query strategy was asked for {count} of {len(query.candidates)} candidates and gave '
            f'{len(order)} indices, {usable} of them different candidates'
        )
    return order


def image_positions(entries: Sequence[str | int], names: Sequence[str]) -> tuple[int, ...]:
    """Translate a config's list of image names or pool indices into pool indices, ascending.

    Args:
        entries: image names, or indices.
        names: ``N`` image names of the pool.

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
