"""Rare classes first."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .base import QUERY_STRATEGIES, Query
from .wrapper import WrapperQuery


def class_weights(counts: np.ndarray) -> np.ndarray:
    """Weight of each class, ``(boxes + classes) / (boxes of the class + 1)``.

    Args:
        counts: ``(C,)`` boxes per class in the labeled images.

    Returns:
        ``(C,)`` float64, large for rare classes.
    """
    return (counts.sum() + len(counts)) / (counts + 1)


@QUERY_STRATEGIES.register_module(name='class_balanced')
class ClassBalancedQuery(WrapperQuery):
    """Multiplies another strategy's scores by the weight of the classes that an image seems to show.

    The weights are those of Brust, Kaeding and Denzler, "Active Learning for Deep Object Detection" (VISAPP
    2019, arXiv:1809.09875). They weight single detections; here, so that any image score can be
    wrapped, an image's weight is the mean of the class weights under the image's class scores (each class's
    largest probability over the image's anchors). An image whose score is 0 stays at 0.

    Args:
        strategy: config of the strategy inside; it has to select the highest scores.

    Raises:
        ValueError: the strategy inside does not select by scores.
    """

    own_features = ('classes',)
    needs_counts = True
    selects_by_score = True

    def __init__(self, strategy: Mapping[str, Any]) -> None:
        super().__init__(strategy)
        if not self.strategy.selects_by_score:
            raise ValueError(f'class_balanced changes scores, but {strategy} does not select by scores')

    def rank(self, query: Query, count: int) -> np.ndarray:
        """Choose the ``(count,)`` images of highest weighted score.

        Raises:
            ValueError: scores are negative, so that a larger weight would make an image less wanted; or the
                query has no class counts.
        """
        if query.class_counts is None:
            raise ValueError('class_balanced needs the number of labeled boxes per class')
        if (query.scores[query.candidates] < 0).any():
            raise ValueError('class_balanced multiplies scores by weights, which needs scores of at least 0')
        weights = class_weights(query.class_counts)
        shares = query.features['classes'].astype(np.float64)
        image_weights = shares @ weights / np.maximum(shares.sum(axis=1), 1e-12)
        return self.strategy.rank(replace(query, scores=query.scores * image_weights), count)
