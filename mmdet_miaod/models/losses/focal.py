"""Sigmoid focal loss that runs on any device."""

import torch
from mmdet.models.builder import LOSSES
from mmdet.models.losses.utils import weight_reduce_loss
from torch import Tensor, nn
from torch.nn.functional import softplus


@LOSSES.register_module()
class SigmoidFocalLoss(nn.Module):
    """Focal loss over independent classes, in plain tensor operations.

    mmcv's own operator has no CPU kernel, and no CUDA kernel in an mmcv that was built without CUDA. The
    formulas of torchvision and of MMDetection's CPU fallback take more operations, and lose digits where they
    subtract nearly equal numbers: for the many anchors that are surely background.

    Args:
        use_sigmoid: must be true; MMDetection's heads read this key to know that there is no background
            channel.
        gamma: exponent of the modulating factor.
        alpha: weight of the foreground, ``1 - alpha`` that of the background.
        reduction: 'mean', 'sum' or 'none'.
        loss_weight: factor of the loss.

    Raises:
        ValueError: ``use_sigmoid`` is false.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        gamma: float = 2.0,
        alpha: float = 0.25,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not use_sigmoid:
            raise ValueError(
                'SigmoidFocalLoss needs use_sigmoid=True; choose another loss for softmax classes'
            )
        self.use_sigmoid = use_sigmoid
        self.gamma = gamma
        self.alpha = alpha
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: Tensor | float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Loss of ``n`` anchors.

        Args:
            pred: (n, C) logits.
            target: (n,) int64 class indices; C (and anything outside 0..C-1) is background.
            weight: (n,) or (n, C) factor of each anchor, or of each anchor and class.
            avg_factor: what the sum is divided by under reduction 'mean', instead of the number of elements.
            reduction_override: replaces ``reduction`` for this call.

        Returns:
            0-d tensor; (n, C) under reduction 'none'.
        """
        is_class = target[:, None] == torch.arange(pred.shape[1], device=target.device)
        # Logit of the wrong answer: its sigmoid is 1 - p_t, its softplus the cross entropy -log(p_t).
        wrong = torch.where(is_class, -pred, pred)
        balance = torch.where(is_class, self.alpha, 1 - self.alpha)
        loss = balance * wrong.sigmoid().pow(self.gamma) * softplus(wrong)
        if weight is not None:
            weight = weight.reshape(len(pred), -1)
        return self.loss_weight * weight_reduce_loss(
            loss, weight, reduction_override or self.reduction, avg_factor
        )
