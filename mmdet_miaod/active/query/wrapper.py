"""Base class of strategies that wrap another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .base import QUERY_STRATEGIES, QueryStrategy


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

    def score_and_features(
        self, model: torch.nn.Module, img: Tensor, img_metas: list[dict], names: Sequence[str]
    ) -> dict[str, Tensor]:
        """Scores ``(B,)`` of the strategy inside and the features ``(B, D)`` of both, in one pass."""
        return self.strategy.score_and_features(model, img, img_metas, names)
