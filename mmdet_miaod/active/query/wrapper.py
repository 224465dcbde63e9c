"""What strategies that change another strategy's choice have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .base import QUERY_STRATEGIES, QueryStrategy


class WrapperQuery(QueryStrategy):
    """Base: scores and features are those of the strategy inside, and the features in ``own_features``.

    Args:
        strategy: config of the strategy inside.
    """

    own_features: tuple[str, ...] = ()

    def __init__(self, strategy: Mapping[str, Any]) -> None:
        self.strategy: QueryStrategy = QUERY_STRATEGIES.build(dict(strategy))
        self.features = tuple(dict.fromkeys((*self.strategy.features, *self.own_features)))
        self.needs_counts = type(self).needs_counts or self.strategy.needs_counts

    @property
    def scores_features(self) -> bool:
        return self.strategy.scores_features or not self.strategy.needs_model

    def image_scores(self, model: torch.nn.Module, img: Tensor, img_metas: list[dict]) -> Tensor:
        return self.strategy.image_scores(model, img, img_metas)

    def score_features(self, model: torch.nn.Module, feats: Sequence[Tensor]) -> Tensor:
        if not self.strategy.needs_model:
            return torch.zeros(len(feats[0]))
        return self.strategy.score_features(model, feats)
