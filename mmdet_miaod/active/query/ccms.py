"""Category-conditioned matching similarity: the images that stand for a few preselected ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .base import QUERY_STRATEGIES, Query
from .image_distances import centers_by_distance, image_distances, k_medoids
from .instance_features import Detections, describe_detections
from .wrapper import WrapperQuery


@QUERY_STRATEGIES.register_module(name='ccms')
class CategorySimilarityQuery(WrapperQuery):
    """Among the images that another strategy wants most, those that stand for all of them.

    The second step of PPAL (Yang et al., "Plug and Play Active Learning for Object Detection", CVPR 2024,
    arXiv:2211.11612), behind any strategy: greedy k-centre and then k-medoids under
    :func:`~mmdet_miaod.active.query.image_distances.image_distances`. Labeled images are no centers. The
    first center is the most wanted image, where PPAL draws one at random.

    Args:
        strategy: config of the strategy inside, which preselects.
        factor: ``factor`` times as many images as will be labeled are preselected.
        as_published: like PPAL's published code where that departs from the paper: see
            :func:`~mmdet_miaod.active.query.image_distances.image_distances` and ``swapped`` of
            :func:`~mmdet_miaod.active.query.instance_features.describe_detections`; the first center is drawn
            (there without a seed, here with the query's).

    Raises:
        ValueError: ``factor`` is smaller than 1, or the strategy inside looks at images again itself.
    """

    looks_again = True

    def __init__(self, strategy: Mapping[str, Any], factor: float = 4.0, as_published: bool = False) -> None:
        super().__init__(strategy)
        if factor < 1:
            raise ValueError(f'factor is {factor}: at least 1 is needed')
        if self.strategy.looks_again:
            raise ValueError(f'{strategy} looks at images again itself: put a strategy inside that does not')
        self.factor = factor
        self.as_published = as_published

    def preselect(self, query: Query, count: int) -> np.ndarray:
        """The ``factor * count`` images that the strategy inside wants most."""
        return self.strategy.rank(query, min(round(self.factor * count), len(query.candidates)))

    def look_again(self, model: torch.nn.Module, feats: Sequence[Tensor], img_metas: list[dict]) -> Tensor:
        """Detections of the images, ``(B, 100, 6 + D)``."""
        return describe_detections(model, feats, img_metas, swapped=self.as_published)

    def rank(self, query: Query, count: int) -> np.ndarray:
        """Choose ``(count,)`` images: medoids of the preselected ones, then the other preselected ones.

        After them, in an order that is longer, come the images that the strategy inside wants next.

        Raises:
            ValueError: nothing was preselected.
        """
        images, described = query.looked_at()
        left = np.isin(images, query.candidates)
        images = images[left]
        wanted = min(count, query.label_limit, len(images))
        order = images[:count]
        if wanted:
            distances = image_distances(
                Detections.unpack(described[left]),
                len(images),
                as_published=self.as_published,
                heartbeat=query.heartbeat,
            )
            medoids = k_medoids(distances, centers_by_distance(distances, wanted, self._first(query, images)))
            order = np.concatenate([images[medoids], np.delete(images, medoids)])[:count]
        others = np.setdiff1d(query.candidates, images)
        following = self.strategy.rank(replace(query, candidates=others), max(count - len(images), 0))
        return np.concatenate([order, following])

    def _first(self, query: Query, images: np.ndarray) -> int:
        if not self.as_published:
            return 0
        return np.random.RandomState(query.seed % 2**32).randint(len(images))


@QUERY_STRATEGIES.register_module(name='ppal')
class PPALQuery(CategorySimilarityQuery):
    """PPAL (Yang et al., CVPR 2024, arXiv:2211.11612): ``ccms`` behind ``dcus``.

    Args:
        factor: see :class:`CategorySimilarityQuery`.
        alpha: see :class:`~mmdet_miaod.active.query.dcus.CalibratedUncertaintyQuery`.
        beta: see the same.
        as_published: see both.
    """

    def __init__(
        self, factor: float = 4.0, alpha: float = 0.3, beta: float = 0.2, as_published: bool = False
    ) -> None:
        inside = dict(type='dcus', alpha=alpha, beta=beta, as_published=as_published)
        super().__init__(inside, factor, as_published)


@QUERY_STRATEGIES.register_module(name='miaod+ccms')
class DiscrepancySimilarityQuery(CategorySimilarityQuery):
    """``ccms`` behind MI-AOD's uncertainty: a combination that nobody has published.

    Args:
        k: see :class:`~mmdet_miaod.active.query.miaod.DiscrepancyQuery`.
        aggregation: see the same.
        factor: see :class:`CategorySimilarityQuery`.
        as_published: see the same.
    """

    def __init__(
        self, k: int = 10000, aggregation: str = 'mean', factor: float = 4.0, as_published: bool = False
    ) -> None:
        super().__init__(dict(type='miaod', k=k, aggregation=aggregation), factor, as_published)


@QUERY_STRATEGIES.register_module(name='entropy+ccms')
class EntropySimilarityQuery(CategorySimilarityQuery):
    """``ccms`` behind the entropy of detections: a combination that nobody has published.

    Args:
        aggregation: see :class:`~mmdet_miaod.active.query.detections.EntropyQuery`.
        factor: see :class:`CategorySimilarityQuery`.
        as_published: see the same.
    """

    def __init__(self, aggregation: str = 'mean', factor: float = 4.0, as_published: bool = False) -> None:
        super().__init__(dict(type='entropy', aggregation=aggregation), factor, as_published)
