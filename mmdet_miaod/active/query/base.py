"""Query strategies: which unlabeled images should be labeled next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from mmcv.utils import Registry

from .image_features import IMAGE_FEATURES

QUERY_STRATEGIES = Registry('query strategy')


@dataclass(frozen=True)
class Query:
    """What a strategy is asked.

    Attributes:
        candidates: ``(n,)`` int64 pool indices that may be selected, ascending.
        size: how many of them to select; at most ``n``.
        scores: ``(N,)`` float32, one a pool image, NaN where it was not scored.
        labeled: ``(m,)`` int64 pool indices that are labeled, ascending.
        seed: seed for strategies that draw random numbers; another one in each cycle.
        features: by name ``(N, D)`` float32, a row a pool image, NaN where it was not looked at; those that
            the strategy names in :attr:`QueryStrategy.features`, of candidates and labeled images.
        class_counts: ``(C,)`` boxes of each class among the labeled images, None where not known.
        wanted: how many images will be labeled, as far as known, where ``size`` asks for a longer order of
            them; None: ``size``.
        tell_alive: a selection that may take minutes has to call it at least once a minute, or other
            processes of the run take it for dead.
    """

    candidates: np.ndarray
    size: int
    scores: np.ndarray
    labeled: np.ndarray
    seed: int
    features: dict[str, np.ndarray] = field(default_factory=dict)
    class_counts: np.ndarray | None = None
    wanted: int | None = None
    tell_alive: Callable[[], None] = lambda: None

    @property
    def number_wanted(self) -> int:
        """How many images will be labeled, as far as known."""
        return self.size if self.wanted is None else self.wanted


class QueryStrategy:
    """Base of all strategies: an image score, and a selection that may use the scores.

    A strategy that looks at the images overrides :meth:`score_features`, or :meth:`image_scores` when it does
    more with an image than run backbone and neck (together with ``features`` that is a second forward
    pass); one that does not sets ``needs_model = False``, and the pool is not run through the model.

    Attributes:
        needs_model: whether the pool is run through the model.
        features: names from ``IMAGE_FEATURES`` that are kept of each image, labeled images too.
        needs_counts: whether :attr:`Query.class_counts` is wanted.
        best_first: whether :meth:`select` gives the most wanted image first; else last.
    """

    needs_model = True
    features: tuple[str, ...] = ()
    needs_counts = False
    best_first = False

    def image_scores(self, model: torch.nn.Module, img: torch.Tensor, img_metas: list[dict]) -> torch.Tensor:
        """Score a batch ``img`` ``(B, 3, H, W)``; returns ``(B,)`` float32, larger is more wanted."""
        if not self.scores_features:
            raise NotImplementedError(f'{type(self).__name__} does not look at images')
        return self.score_features(model, model.extract_feat(img))

    def score_features(self, model: torch.nn.Module, feats: Sequence[torch.Tensor]) -> torch.Tensor:
        """Score a batch by the features ``(B, channels, H, W)`` of each level; returns ``(B,)``."""
        raise NotImplementedError(f'{type(self).__name__} has no score_features(model, feats)')

    def describe(
        self, model: torch.nn.Module, img: torch.Tensor, img_metas: list[dict]
    ) -> dict[str, torch.Tensor]:
        """Return ``scores`` ``(B,)`` and each of ``features`` ``(B, D)`` of a batch, in one forward pass."""
        if not self.features:
            return dict(scores=self.image_scores(model, img, img_metas))
        feats = model.extract_feat(img)
        found = {name: IMAGE_FEATURES[name](model, feats) for name in self.features}
        if self.scores_features:
            return dict(found, scores=self.score_features(model, feats))
        return dict(found, scores=self.image_scores(model, img, img_metas))

    @property
    def scores_features(self) -> bool:
        """Whether :meth:`score_features` gives the scores, so that backbone and neck need not run again.

        A class that overrides :meth:`image_scores` alone means that, whatever its base class has.
        """
        for kind in type(self).__mro__:
            if 'score_features' in vars(kind):
                return kind is not QueryStrategy
            if 'image_scores' in vars(kind):
                return False
        return False

    @property
    def selects_by_score(self) -> bool:
        """Whether the selection is that of the highest scores."""
        return type(self).select is QueryStrategy.select

    def rank(self, query: Query) -> np.ndarray:
        """Return what :meth:`select` returns, the most wanted image first."""
        selected = self.select(query)
        return selected if self.best_first else selected[::-1]

    def select(self, query: Query) -> np.ndarray:
        """Return the ``(query.size,)`` int64 indices to label, by default those of the highest scores.

        Ties go to the larger index, and the order is ascending in score (the published rule:
        the tail of a stable argsort).

        Raises:
            ValueError: when a candidate's score is NaN.
        """
        scores = query.scores[query.candidates]
        if np.isnan(scores).any():
            bad = query.candidates[np.isnan(scores)]
            raise ValueError(f'{len(bad)} images have no valid score (NaN), the first is index {bad[0]}')
        return query.candidates[stable_top_k(scores, query.size)]


def stable_top_k(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the tail of a stable argsort without sorting more than the tail.

    Args:
        scores: ``(n,)`` floats without NaN.
        count: length of the tail, 0 to ``n``.

    Returns:
        ``(count,)`` int64 positions, ascending in score and, where scores are equal, in position.
    """
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    threshold = np.partition(scores, len(scores) - count)[len(scores) - count]
    chosen = scores > threshold
    ties = np.flatnonzero(scores == threshold)
    chosen[ties[len(ties) - (count - np.count_nonzero(chosen)) :]] = True
    tail = np.flatnonzero(chosen)
    return tail[np.argsort(scores[tail], kind='stable')]
