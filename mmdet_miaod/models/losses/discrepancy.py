"""Discrepancy of the two instance classifiers as a loss (sections 3.2 and 3.3 of the paper)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmdet.models.builder import LOSSES
from torch import Tensor, nn

from ..uncertainty import instance_discrepancy


def _agreement(probabilities_1: Tensor, probabilities_2: Tensor) -> Tensor:
    return 1 - instance_discrepancy(probabilities_1, probabilities_2)


FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    'minimize': instance_discrepancy,
    'maximize': _agreement,
}


@LOSSES.register_module()
class DiscrepancyLoss(nn.Module):
    """Weighted discrepancy D ('minimize') or agreement D' ('maximize') of two classifiers.

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
        form: str,
    ) -> Tensor:
        """Sum over levels, images and anchors of the class mean of ``w |p1 - p2|`` or ``w (1 - |p1 - p2|)``.

        Args:
            probabilities_1: a tensor (B, n, C) a level, first classifier.
            probabilities_2: the same of the second classifier.
            weights: the same, multiple instance weights; no gradient flows to them.
            form: 'minimize' or 'maximize', what training with this loss does to the discrepancy.

        Returns:
            0-d tensor.

        Raises:
            ValueError: unknown form.
        """
        if form not in FORMS:
            raise ValueError(f'unknown form {form!r} of the discrepancy loss: use one of {sorted(FORMS)}')
        levels = zip(probabilities_1, probabilities_2, weights, strict=True)
        return self.loss_weight * sum(
            (FORMS[form](p1, p2) * w.detach()).mean(-1).sum() for p1, p2, w in levels
        )
