"""The contract of query strategies: a score per image, and an order with the most wanted image first."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from mmcv.utils import Registry
from torch import Tensor

from .deprecated import OldQuery, OldStrategy
from .image_features import IMAGE_FEATURES
from .instance_features import describe_detections

QUERY_STRATEGIES = Registry('query strategy')


@dataclass(frozen=True, kw_only=True)
class Query(OldQuery):
    """State of a pool of ``N`` images at the end of a cycle, from which a strategy chooses.

    Attributes:
        candidates: ``(n,)`` int64 pool indices that may be selected, ascending.
        labeled: ``(m,)`` int64 pool indices that are labeled, ascending.
        scores: ``(N,)`` float32 score per pool image, NaN where it was not scored.
        seed: seed for strategies that draw random numbers; another one in each cycle.
        features: ``(N, D)`` float32 per name in :attr:`QueryStrategy.features`, one row per pool image; NaN
            where an image is neither candidate nor labeled.
        class_counts: ``(C,)`` int64 boxes per class in the labeled images; None for strategies that do not
            set :attr:`QueryStrategy.needs_counts`.
        class_quality: ``(C,)`` float64 in [0, 1], how well the model finds each class in the labeled images;
            None for strategies that do not set :attr:`QueryStrategy.needs_quality`.
        preselected: ``(p,)`` int64 pool indices from :meth:`QueryStrategy.preselect`; None for strategies
            that do not set :attr:`QueryStrategy.looks_again`.
        second_look: ``(p, ...)`` float32 from :meth:`QueryStrategy.look_again`, a row per preselected image.
        label_limit: at most so many images will be labeled. A wrapper may ask for a longer order, to choose
            from it; a strategy that preselects does so for ``min(count, label_limit)`` images.
        heartbeat: a ranking that may take minutes has to call it at least once a minute, or the run's other
            processes no longer wait for it.
    """

    candidates: np.ndarray
    labeled: np.ndarray
    scores: np.ndarray
    seed: int
    features: dict[str, np.ndarray] = field(default_factory=dict)
    class_counts: np.ndarray | None = None
    class_quality: np.ndarray | None = None
    preselected: np.ndarray | None = None
    second_look: np.ndarray | None = None
    label_limit: int = sys.maxsize
    heartbeat: Callable[[], None] = lambda: None

    def looked_at(self) -> tuple[np.ndarray, np.ndarray]:
        """Preselected images ``(p,)``, the most wanted first, and the second look ``(p, ...)`` at them.

        Under a budget of boxes, some of them are no candidates any more when further ones are ranked.

        Raises:
            ValueError: nothing was preselected.
        """
        if self.preselected is None or self.second_look is None:
            raise ValueError('nothing was looked at again: the query has no preselected images')
        return self.preselected, self.second_look


class QueryStrategy(OldStrategy):
    """Base of all strategies: :meth:`score` looks at the images, :meth:`rank` chooses among them.

    A strategy overrides one of the two or both. By default the images of highest score are chosen. One that
    sets :attr:`looks_again` gets the detections of a few preselected images before it ranks.

    Attributes:
        needs_model: whether the pool is run through the model; if not, there are no scores and features.
        features: names from ``IMAGE_FEATURES`` to compute per candidate and labeled image.
        needs_counts: whether :attr:`Query.class_counts` is used.
        needs_quality: rule of :attr:`Query.class_quality`, a name from ``QUALITY_RULES`` of
            ``mmdet_miaod/active/class_quality.py``; empty: none is measured.
        looks_again: whether :attr:`Query.preselected` and :attr:`Query.second_look` are used.
        factor: how many times as many images as will be labeled are preselected.
    """

    needs_model = True
    features: tuple[str, ...] = ()
    needs_counts = False
    needs_quality = ''
    looks_again = False
    factor = 4.0

    def score(self, model: torch.nn.Module, feats: Sequence[Tensor], img_metas: list[dict]) -> Tensor:
        """Score the images of a batch, without gradients.

        Args:
            model: the cycle's trained detector, in evaluation mode.
            feats: ``(B, channels, H, W)`` output of backbone and neck per level.
            img_metas: meta data per image.

        Returns:
            ``(B,)`` float32, larger is more wanted.
        """
        raise NotImplementedError(f'{type(self).__name__} has no score(model, feats, img_metas)')

    def rank(self, query: Query, count: int) -> np.ndarray:
        """Choose images, by default those of the highest scores; of equal scores the larger index is first.

        Args:
            query: candidates and what is known of them.
            count: how many to choose, at most ``n``.

        Returns:
            ``(count,)`` int64 pool indices, the most wanted first.

        Raises:
            ValueError: a candidate's score is NaN.
        """
        scores = query.scores[query.candidates]
        if np.isnan(scores).any():
            bad = query.candidates[np.isnan(scores)]
            raise ValueError(f'{len(bad)} images have no valid score (NaN), the first is index {bad[0]}')
        return query.candidates[stable_top_k(scores, count)]

    def preselect(self, query: Query, count: int) -> np.ndarray:
        """Choose the images to look at again, by default those of the highest scores.

        Args:
            query: candidates and what is known of them.
            count: how many images will be labeled.

        Returns:
            ``(p,)`` int64 pool indices, the most wanted first.
        """
        return QueryStrategy.rank(self, query, min(round(self.factor * count), len(query.candidates)))

    def look_again(self, model: torch.nn.Module, feats: Sequence[Tensor], img_metas: list[dict]) -> Tensor:
        """Look at a batch of preselected images, without gradients; by default at their detections.

        Args:
            model: the cycle's trained detector, in evaluation mode.
            feats: ``(B, channels, H, W)`` output of backbone and neck per level.
            img_metas: meta data per image.

        Returns:
            ``(B, ...)`` float32, of equal shape for each image; by default ``(B, 100, 6 + D)`` from
            :func:`~mmdet_miaod.active.query.instance_features.describe_detections`.
        """
        return describe_detections(model, feats, img_metas)

    def score_and_features(
        self, model: torch.nn.Module, img: Tensor, img_metas: list[dict], names: Sequence[str]
    ) -> dict[str, Tensor]:
        """Score a batch and compute image features, in one pass through backbone and neck.

        To be overridden only by strategies whose score needs the images themselves, for example several
        passes over changed copies of them.

        Args:
            model: the cycle's trained detector, in evaluation mode.
            img: ``(B, 3, H, W)`` float32.
            img_metas: meta data per image.
            names: of the features, from ``IMAGE_FEATURES``.

        Returns:
            'scores' ``(B,)``, and ``(B, D)`` per name.
        """
        feats = model.extract_feat(img)
        found = {name: IMAGE_FEATURES[name](model, feats) for name in names}
        # A wrapper may need the features of images that the strategy inside does not look at.
        scores = self.score(model, feats, img_metas) if self.needs_model else torch.zeros(len(img))
        return dict(found, scores=scores)

    @property
    def selects_by_score(self) -> bool:
        """Whether the chosen images are those of the highest scores."""
        return type(self).rank is QueryStrategy.rank


def stable_top_k(scores: np.ndarray, count: int) -> np.ndarray:
    """Positions of the highest scores: a stable argsort's tail reversed, without sorting more than the tail.

    Args:
        scores: ``(n,)`` floats without NaN.
        count: how many, 0 to ``n``.

    Returns:
        ``(count,)`` int64 positions, descending in score and, where scores are equal, in position.
    """
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    threshold = np.partition(scores, len(scores) - count)[len(scores) - count]
    chosen = scores > threshold
    ties = np.flatnonzero(scores == threshold)
    chosen[ties[len(ties) - (count - np.count_nonzero(chosen)) :]] = True
    tail = np.flatnonzero(chosen)
    return tail[np.argsort(scores[tail], kind='stable')][::-1]


def build_strategy(query: Mapping[str, Any]) -> QueryStrategy:
    """Build the query strategy of a config.

    Args:
        query: ``type``, a registered name, and keyword arguments.

    Raises:
        ValueError: it cannot be built, saying why.
    """
    try:
        return QUERY_STRATEGIES.build(dict(query))
    except (KeyError, TypeError) as error:
        known = sorted(QUERY_STRATEGIES.module_dict)
        raise ValueError(f'query = {dict(query)}: {error}; the strategies are {known}') from error
