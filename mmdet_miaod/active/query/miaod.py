"""MI-AOD's own query: the disagreement of the two classifiers."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .base import QUERY_STRATEGIES, QueryStrategy


@QUERY_STRATEGIES.register_module(name='miaod')
class DiscrepancyQuery(QueryStrategy):
    """MI-AOD's query: the images on which the two classifiers disagree most (Yuan et al., "Multiple Instance
    Active Learning for Object Detection", CVPR 2021, arXiv:2104.02324, section 3.4).

    Args:
        k: an image's score is that of its ``k`` instances of largest uncertainty.
        aggregation: 'mean' of them, as published, or their 'sum' (which favors larger images where there are
            fewer than ``k`` instances) or 'max'.

    Raises:
        ValueError: ``k`` is smaller than 1, or the aggregation is unknown.
    """

    def __init__(self, k: int = 10000, aggregation: str = 'mean') -> None:
        if k < 1:
            raise ValueError(f'k is {k}: at least one instance must count')
        if aggregation not in ('mean', 'sum', 'max'):
            raise ValueError(f"aggregation is {aggregation!r}: choose 'mean', 'sum' or 'max'")
        self.k = 1 if aggregation == 'max' else k
        self.aggregation = aggregation

    def score(self, model: torch.nn.Module, feats: Sequence[Tensor], img_metas: list[dict]) -> Tensor:
        """Uncertainty of each image, ``(B,)``; anchors on the padded border count, as published."""
        means = model.bbox_head.uncertainty(feats, self.k)
        if self.aggregation != 'sum':
            return means
        anchors = np.broadcast_to(model.bbox_head.num_base_priors, len(feats)).tolist()
        total = sum(
            level.shape[-2] * level.shape[-1] * number for level, number in zip(feats, anchors, strict=True)
        )
        return means * min(self.k, total)
