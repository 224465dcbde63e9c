"""Base class of strategies that wrap another one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .base import QUERY_STRATEGIES, Query, QueryStrategy


class WrapperQuery(QueryStrategy):
    """Base: scores are those of the strategy inside; a subclass changes the order that it gives.

    Args:
        strategy: config of the strategy inside.

    Attributes:
        own_features: names from ``IMAGE_FEATURES`` that the wrapper itself needs.
    """

    own_features: tuple[str, ...] = ()

    def __init__(self, strategy: Mapping[str, Any]) -> None:
        self.strategy: QueryStrategy = QUERY_STRATEGIES.build(dict(strategy))
        self.features = tuple(dict.fromkeys((*self.strategy.features, *self.own_features)))
        self.needs_counts = type(self).needs_counts or self.strategy.needs_counts
        self.needs_quality = self.strategy.needs_quality
        self.looks_again = type(self).looks_again or self.strategy.looks_again

    def score_and_features(
        self, model: torch.nn.Module, img: Tensor, img_metas: list[dict], names: Sequence[str]
    ) -> dict[str, Tensor]:
        """Scores ``(B,)`` of the strategy inside and the features ``(B, D)`` of both, in one pass."""
        return self.strategy.score_and_features(model, img, img_metas, names)

    def preselect(self, query: Query, count: int) -> np.ndarray:
        """Images ``(p,)`` that the strategy inside looks at again."""
        return self.strategy.preselect(query, count)

    def look_again(self, model: torch.nn.Module, feats: Sequence[Tensor], img_metas: list[dict]) -> Tensor:
        """Second look ``(B, ...)`` of the strategy inside."""
        return self.strategy.look_again(model, feats, img_metas)
