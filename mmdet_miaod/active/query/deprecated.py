"""The strategy contract of version 0.1, for strategies written outside; to be deleted with its two classes.

There a strategy had ``image_scores(model, img, img_metas)`` or ``score_features(model, feats)`` in place of
``score``, and in place of ``rank`` a ``select(query)`` of ``query.size`` images, the most wanted first if
``best_first`` and last if not. Each is translated where a class defines it, with a warning that says what to
write instead.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .image_features import IMAGE_FEATURES

_SCORE = 'write score(model, feats, img_metas), given what backbone and neck computed'
_RANK = 'write rank(query, count), always the most wanted image first, without best_first and query.size'


@dataclass(frozen=True, kw_only=True)
class OldQuery:
    """Attributes of a query in version 0.1.

    Attributes:
        size: number of images that ``select(query)`` gives; ``rank`` is told it as ``count``.
    """

    size: int | None = None

    @property
    def number_wanted(self) -> int:
        """How many images will be labeled."""
        return min(self.size, self.label_limit)

    @property
    def tell_alive(self) -> Callable[[], None]:
        """Is ``heartbeat`` now."""
        return self.heartbeat


class OldStrategy:
    """Base of the base class: translates methods of version 0.1, and answers to them."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        scores_features = 'score' in own or 'score_features' in own
        if scores_features and cls.score_and_features is _score_by_images:
            cls.score_and_features = _of_today(cls, 'score_and_features')
        elif 'image_scores' in own and not scores_features:
            _warn(f'{cls.__name__} has image_scores: {_SCORE}')
            cls.score_and_features = _score_by_images
        if 'score_features' in own and 'score' not in own:
            _warn(f'{cls.__name__} has score_features: {_SCORE}')
            cls.score = _score_by_features
        if 'select' in own and 'rank' not in own:
            _warn(f'{cls.__name__} has select: {_RANK}')
            cls.rank = _rank_by_select

    @property
    def best_first(self) -> bool:
        """Whether :meth:`select` gives the most wanted image first: not the highest scores."""
        from .base import QueryStrategy  # which imports this module

        return _of_today(type(self), 'rank') is not QueryStrategy.rank

    def image_scores(self, model: torch.nn.Module, img: Tensor, img_metas: list[dict]) -> Tensor:
        """Scores ``(B,)`` of images ``(B, 3, H, W)``."""
        _warn('image_scores(model, img, img_metas) is now score(model, model.extract_feat(img), img_metas)')
        return _of_today(type(self), 'score_and_features')(self, model, img, img_metas, ())['scores']

    def score_features(self, model: torch.nn.Module, feats: Sequence[Tensor]) -> Tensor:
        """Scores ``(B,)`` by features ``(B, channels, H, W)`` per level."""
        _warn('score_features(model, feats) is now score(model, feats, img_metas)')
        return _of_today(type(self), 'score')(self, model, feats, [{}] * len(feats[0]))

    def select(self, query: Any) -> np.ndarray:
        """Indices ``(query.size,)`` to label."""
        _warn('select(query) is now rank(query, count), which gives the most wanted image first')
        order = _of_today(type(self), 'rank')(self, query, query.size)
        return order if self.best_first else order[::-1]


def _score_by_images(
    self: Any, model: torch.nn.Module, img: Tensor, img_metas: list[dict], names: Sequence[str]
) -> dict[str, Tensor]:
    feats = model.extract_feat(img) if names else []
    found = {name: IMAGE_FEATURES[name](model, feats) for name in names}
    return dict(found, scores=self.image_scores(model, img, img_metas))


def _score_by_features(
    self: Any, model: torch.nn.Module, feats: Sequence[Tensor], img_metas: list[dict]
) -> Tensor:
    return self.score_features(model, feats)


def _rank_by_select(self: Any, query: Any, count: int) -> np.ndarray:
    selected = np.asarray(self.select(replace(query, size=count)))
    return selected if self.best_first else selected[::-1]


def _of_today(kind: type, name: str) -> Callable:
    """The method that ``super()`` of a translated class means: the first that is no translation."""
    translations = (_score_by_images, _score_by_features, _rank_by_select)
    methods = (vars(base)[name] for base in kind.__mro__ if name in vars(base))
    return next(method for method in methods if method not in translations)


def _warn(message: str) -> None:
    warnings.warn(message, DeprecationWarning, stacklevel=3)
