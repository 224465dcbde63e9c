"""Discrepancy of the two instance classifiers as a loss (sections 3.2 and 3.3 of the paper)."""

from collections.abc import Iterable, Sequence

from mmdet.models.builder import LOSSES
from torch import Tensor, nn

from ..uncertainty import instance_discrepancy


@LOSSES.register_module()
class DiscrepancyLoss(nn.Module):
    """Weighted discrepancy of two classifiers, to be minimized or maximized.

    Args:
        loss_weight: lambda of the paper.
    """

    def __init__(self, loss_weight: float = 0.5) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(
        self,
        probabilities_1: Sequence[Tensor],
        probabilities_2: Sequence[Tensor],
        weights: Sequence[Tensor],
    ) -> Tensor:
        """Loss that makes the classifiers agree: the class mean of ``w |p1 - p2|``, summed over all anchors.

        Args:
            probabilities_1: first classifier, (B, n, C) per level.
            probabilities_2: second classifier, (B, n, C) per level.
            weights: multiple instance weights w, (B, n, C) per level; no gradient flows to them.

        Returns:
            0-d tensor.
        """
        levels = zip(probabilities_1, probabilities_2, strict=True)
        return self._weighted_sum((instance_discrepancy(p1, p2) for p1, p2 in levels), weights)

    def maximized(
        self,
        probabilities_1: Sequence[Tensor],
        probabilities_2: Sequence[Tensor],
        weights: Sequence[Tensor],
    ) -> Tensor:
        """Loss that drives the classifiers apart, 0-d: ``w (1 - |p1 - p2|)``, with all else as in forward."""
        levels = zip(probabilities_1, probabilities_2, strict=True)
        return self._weighted_sum((1 - instance_discrepancy(p1, p2) for p1, p2 in levels), weights)

    def _weighted_sum(self, values: Iterable[Tensor], weights: Sequence[Tensor]) -> Tensor:
        levels = zip(values, weights, strict=True)
        return self.loss_weight * sum((value * w.detach()).mean(-1).sum() for value, w in levels)
