"""Multiple instance learning: instance weights, image scores and labels, and their loss (section 3.3)."""

from collections.abc import Callable, Sequence

import torch
from mmdet.models.builder import LOSSES
from torch import Tensor, nn

from ..global_batch import global_count, global_sum

MIL_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    'softmax': lambda logits: logits.softmax(dim=-1),
    'sigmoid': torch.sigmoid,
}
SCORE_MARGIN = 1e-5
PSEUDO_LABEL_THRESHOLD = 0.5


def mil_weight(mil_logits: Tensor, logits_1: Tensor, logits_2: Tensor, activation: str = 'softmax') -> Tensor:
    """Weight w of each anchor and class within one level (equation 5 of the paper).

    Args:
        mil_logits: (B, n, C) output of the multiple instance branch on one level.
        logits_1: (B, n, C) output of the first classifier; no gradient flows to it.
        logits_2: (B, n, C) output of the second classifier; no gradient flows to it.
        activation: 'softmax' over classes or 'sigmoid', turns ``mil_logits`` into class shares.

    Returns:
        (B, n, C); under 'softmax' each image's weights of a level sum to 1.
    """
    class_share = MIL_ACTIVATIONS[activation](mil_logits)
    instance_logits = (logits_1.detach() + logits_2.detach()) / 2
    instance_share = instance_logits.sigmoid().amax(dim=-1, keepdim=True).softmax(dim=1)
    return class_share * instance_share


def image_score(weights: Sequence[Tensor]) -> Tensor:
    """Class scores of each image: the largest sum of weights of a level, kept off 0 and 1.

    Args:
        weights: (B, n, C) per level, from :func:`mil_weight`.

    Returns:
        (B, C) values in [1e-5, 1 - 1e-5].
    """
    level_scores = torch.stack([level.sum(dim=1) for level in weights])
    return level_scores.max(dim=0).values.clamp(SCORE_MARGIN, 1 - SCORE_MARGIN)


def image_labels(gt_labels: Sequence[Tensor], num_channels: int) -> Tensor:
    """Classes that each image shows.

    Args:
        gt_labels: (k,) int64 per image, k may be 0.
        num_channels: C, or C + 1 for heads with a background channel, whose label is always 0.

    Returns:
        (B, num_channels) float32 of zeros and ones.
    """
    labels = torch.zeros(len(gt_labels), num_channels, device=gt_labels[0].device)
    for row, image in zip(labels, gt_labels, strict=True):
        row.index_fill_(0, image, 1.0)
    return labels


@torch.no_grad()
def pseudo_labels(probabilities_1: Sequence[Tensor], probabilities_2: Sequence[Tensor]) -> Tensor:
    """Classes that an unlabeled image seems to show: some anchor has them with a mean probability >= 0.5.

    Args:
        probabilities_1: (B, n, C) per level, first classifier.
        probabilities_2: (B, n, C) per level, second classifier.

    Returns:
        (B, C) float32 of zeros and ones, without gradient.
    """
    levels = zip(probabilities_1, probabilities_2, strict=True)
    maxima = torch.stack([((p1 + p2) / 2).amax(dim=1) for p1, p2 in levels]).amax(dim=0)
    return (maxima >= PSEUDO_LABEL_THRESHOLD).float()


def reads_without_waiting(values: Tensor) -> bool:
    """Tell whether a tensor of any shape can be read at once; on a GPU reading means waiting for it."""
    return values.device.type == 'cpu'


@LOSSES.register_module()
class MILLoss(nn.Module):
    """Binary cross entropy of image scores, averaged over the images of the global batch and over classes.

    Args:
        loss_weight: factor of the loss.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Loss of this process's images, divided by the number of images of all processes.

        Args:
            scores: (B, C) from :func:`image_score`.
            labels: (B, C) of zeros and ones.

        Returns:
            0-d tensor.
        """
        # Written out: PyTorch's binary_cross_entropy ends the CUDA context where a score is NaN, before
        # anything can report it.
        cross_entropy = -(labels * scores.log() + (1 - labels) * torch.log1p(-scores))
        num_images = global_count(len(scores), scores.device)
        return self.loss_weight * cross_entropy.mean(dim=1).sum() / num_images

    def pseudo(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Loss against pseudo-labels; 0 where any image of the global batch has none.

        Args:
            scores: (B, C) from :func:`image_score`.
            labels: (B, C) from :func:`pseudo_labels`.

        Returns:
            0-d tensor.
        """
        num_without = global_sum((labels.sum(dim=1) == 0).sum())
        # A zero without a graph saves the backward pass through the branch.
        if reads_without_waiting(num_without) and num_without > 0:
            return scores.new_zeros(())
        return self(scores, labels) * (num_without == 0)
