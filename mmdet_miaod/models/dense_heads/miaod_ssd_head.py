"""SSD's head with two instance classifiers, a box regressor and a multiple instance branch."""

from collections.abc import Sequence

import torch
from mmdet.models.builder import HEADS
from mmdet.models.dense_heads import SSDHead
from mmdet.models.losses import smooth_l1_loss
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .anchor_losses import AnchorTargets
from .branch_outputs import flatten_map, join_levels
from .loss_terms import BRANCHES
from .miaod_mixin import MIAODHeadMixin


def hard_negative_cross_entropy(
    logits: Tensor, labels: Tensor, label_weights: Tensor, *, background: int, negatives_per_positive: float
) -> Tensor:
    """Cross entropy of all positive anchors and the hardest negative ones of each image, summed.

    Args:
        logits: (B, N, C + 1), background last.
        labels: (B, N) int64, ``background`` for negative anchors.
        label_weights: (B, N) float32.
        background: the background's class index.
        negatives_per_positive: how many negative anchors count per positive one of the image.

    Returns:
        0-d tensor.
    """
    losses = cross_entropy(logits.transpose(1, 2), labels, reduction='none') * label_weights
    positive = (labels >= 0) & (labels < background)
    # Sorted, not cut by topk: its k would have to be read back from the device for each image.
    hardest = losses.masked_fill(labels != background, 0).sort(dim=1, descending=True).values
    limit = negatives_per_positive * positive.sum(dim=1, keepdim=True)
    counted = torch.arange(losses.shape[1], device=losses.device) < limit
    # Not losses[positive]: how many there are would have to be read back as well.
    return losses.masked_fill(~positive, 0).sum() + (hardest * counted).sum()


@HEADS.register_module()
class MIAODSSDHead(MIAODHeadMixin, SSDHead):
    """MI-AOD on SSD: one 3x3 convolution per level and branch, softmax classes with a background channel.

    The parameters are ``{branch}_convs.{level}``, as in the authors' released checkpoints.

    Args:
        num_classes: foreground classes; classifiers and multiple instance branch have one channel more.
        in_channels: channels of each level's feature map.
        kwargs: further arguments of ``SSDHead`` and :class:`MIAODHeadMixin`.

    Raises:
        ValueError: ``stacked_convs`` or ``use_depthwise`` is given; the branches have no towers.
    """

    def __init__(self, num_classes: int, in_channels: Sequence[int], **kwargs) -> None:
        if kwargs.get('stacked_convs') or kwargs.get('use_depthwise'):
            raise ValueError('MIAODSSDHead has no towers: leave stacked_convs and use_depthwise out')
        super().__init__(num_classes=num_classes, in_channels=in_channels, **kwargs)

    def _init_layers(self) -> None:
        for branch in BRANCHES:
            channels = 4 if branch == 'f_r' else self.cls_out_channels
            levels = zip(self.in_channels, self.num_base_priors, strict=True)
            layers = [nn.Conv2d(width, anchors * channels, 3, padding=1) for width, anchors in levels]
            self.add_module(f'{branch}_convs', nn.ModuleList(layers))

    def forward_branch(self, feats: Sequence[Tensor], branch: str) -> list[Tensor]:
        """Compute one branch; arguments and maps as :meth:`MIAODHeadMixin.forward_branch`, A per level."""
        layers = getattr(self, f'{branch}_convs')
        return [layer(level) for level, layer in zip(feats, layers, strict=True)]

    def classification_loss(self, logits: Sequence[Tensor], targets: AnchorTargets) -> Tensor:
        """Cross entropy with hard negative mining over all levels of an image.

        Args:
            logits: (B, n, C + 1) per level.
            targets: of the same batch.

        Returns:
            0-d tensor.
        """
        total = hard_negative_cross_entropy(
            join_levels(logits),
            join_levels(targets.labels),
            join_levels(targets.label_weights),
            background=self.num_classes,
            negatives_per_positive=self.train_cfg.neg_pos_ratio,
        )
        return total / targets.num_samples

    def regression_loss(self, box_maps: Sequence[Tensor], targets: AnchorTargets) -> Tensor:
        """Smooth L1 loss of the boxes, a 0-d tensor.

        Args:
            box_maps: outputs of f_r, (B, A * 4, H, W) per level.
            targets: of the same batch.
        """
        boxes = join_levels([flatten_map(box_map, 4) for box_map in box_maps])
        if self.reg_decoded_bbox:
            anchors = join_levels(targets.anchors)
            boxes = self.bbox_coder.decode(anchors.flatten(0, 1), boxes.flatten(0, 1)).view_as(boxes)
        return smooth_l1_loss(
            boxes,
            join_levels(targets.bbox_targets),
            join_levels(targets.bbox_weights),
            beta=self.train_cfg.smoothl1_beta,
            avg_factor=targets.num_samples,
        )
