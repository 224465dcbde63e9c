"""ATSS's head with two instance classifiers, boxes with centerness and a multiple instance branch."""

import itertools
from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule, Scale
from mmdet.models.builder import HEADS
from mmdet.models.dense_heads import ATSSHead
from torch import Tensor, nn

from ..global_batch import global_sum
from .anchor_losses import AnchorTargets
from .branch_outputs import flatten_map, join_levels
from .loss_terms import BRANCHES
from .miaod_mixin import MIAODHeadMixin, normal_init_cfg


@HEADS.register_module()
class MIAODATSSHead(MIAODHeadMixin, ATSSHead):
    """MI-AOD on ATSS (Zhang et al., CVPR 2020, arXiv:1912.02424), an example for heads of one's own.

    Each branch is a tower ``{branch}_convs`` and an output layer ``{branch}_atss``. The box branch gives five
    numbers per anchor: four deltas and the logit of the centerness, whose loss is part of ``loss_bbox``.

    Args:
        num_classes: foreground classes; there is no background channel.
        in_channels: channels of the feature maps.
        loss_cls: config of the loss of each classifier; default :class:`SigmoidFocalLoss`.
        loss_bbox: config of the loss of decoded boxes; default GIoU with weight 2.
        init_cfg: default: normal with std 0.01, class biases for a prior probability of 0.01.
        kwargs: further arguments of ``ATSSHead`` and :class:`MIAODHeadMixin`.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            num_classes,
            in_channels,
            loss_cls=loss_cls or dict(type='SigmoidFocalLoss', use_sigmoid=True),
            loss_bbox=loss_bbox or dict(type='GIoULoss', loss_weight=2.0),
            init_cfg=init_cfg or normal_init_cfg('atss'),
            **kwargs,
        )

    def _init_layers(self) -> None:
        channels = dict.fromkeys(BRANCHES, self.num_base_priors * self.cls_out_channels)
        channels['f_r'] = self.num_base_priors * 5
        size = self.pred_kernel_size
        for branch, out_channels in channels.items():
            self.add_module(f'{branch}_convs', self._build_tower())
            output = nn.Conv2d(self.feat_channels, out_channels, size, padding=size // 2)
            self.add_module(f'{branch}_atss', output)
        self.f_r_scales = nn.ModuleList(Scale(1.0) for _ in self.prior_generator.strides)

    def _build_tower(self) -> nn.Sequential:
        widths = [self.in_channels] + [self.feat_channels] * self.stacked_convs
        return nn.Sequential(
            *(
                ConvModule(before, after, 3, padding=1, conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg)
                for before, after in itertools.pairwise(widths)
            )
        )

    def forward_branch(self, feats: Sequence[Tensor], branch: str) -> list[Tensor]:
        """Compute one branch.

        Args:
            feats: (B, channels, H, W) per level.
            branch: 'f_1', 'f_2', 'f_r' or 'f_mil'.

        Returns:
            Per level (B, A * C, H, W) logits, or (B, A * 5, H, W) of f_r: deltas, scaled by a learned factor
            per level, and the centerness logit.
        """
        tower, output = getattr(self, f'{branch}_convs'), getattr(self, f'{branch}_atss')
        maps = [output(tower(level)) for level in feats]
        if branch != 'f_r':
            return maps
        return [self._scale_deltas(level, scale) for level, scale in zip(maps, self.f_r_scales, strict=True)]

    def class_features(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Output of classifier 1's tower, (B, channels, H, W) per level."""
        return [self.f_1_convs(level) for level in feats]

    def _scale_deltas(self, box_map: Tensor, scale: Scale) -> Tensor:
        anchors = box_map.unflatten(1, (self.num_base_priors, 5))
        return torch.cat([scale(anchors[:, :, :4]), anchors[:, :, 4:]], dim=2).flatten(1, 2)

    def assign_anchors(
        self,
        feature_sizes: Sequence[tuple[int, int]],
        img_metas: Sequence[dict],
        gt_bboxes: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        gt_bboxes_ignore: Sequence[Tensor] | None = None,
    ) -> AnchorTargets:
        """Assign boxes by ATSS's rule; the box targets are the boxes themselves, in pixels.

        Args:
            feature_sizes: (height, width) of each level.
            img_metas: meta data of each image.
            gt_bboxes: (k, 4) per image, k may be 0.
            gt_labels: (k,) int64 per image.
            gt_bboxes_ignore: (m, 4) per image, or None.

        Returns:
            Anchors, targets and weights (B, n, ...) per level.

        Raises:
            ValueError: some image has no usable anchor.
        """
        device = gt_bboxes[0].device
        anchors, valid = self.get_anchors(feature_sizes, img_metas, device=device)
        found = self.get_targets(
            anchors,
            valid,
            gt_bboxes,
            img_metas,
            gt_bboxes_ignore_list=gt_bboxes_ignore,
            gt_labels_list=gt_labels,
            label_channels=self.cls_out_channels,
        )
        if found is None:
            raise ValueError('an image has no valid anchor: set train_cfg.allowed_border=-1')
        *per_level, num_positive, _ = found
        return AnchorTargets(*per_level, num_samples=num_positive)

    def target_boxes(self, targets: AnchorTargets) -> list[Tensor]:
        """Box that each positive anchor should become, (B, n, 4) per level, in pixels: the targets."""
        return targets.bbox_targets

    def regression_loss(self, box_maps: Sequence[Tensor], targets: AnchorTargets) -> Tensor:
        """Overlap loss of positive anchors, weighted by their centerness, and the loss of the centerness.

        Args:
            box_maps: outputs of f_r, (B, A * 5, H, W) per level.
            targets: of the same batch.

        Returns:
            0-d tensor.
        """
        outputs = join_levels([flatten_map(box_map, 5) for box_map in box_maps]).flatten(0, 1)
        labels = join_levels(targets.labels).flatten()
        positive = (labels >= 0) & (labels < self.num_classes)
        outputs = outputs[positive]
        anchors = join_levels(targets.anchors).flatten(0, 1)[positive]
        boxes = join_levels(targets.bbox_targets).flatten(0, 1)[positive]
        centerness = self.centerness_target(anchors, boxes)
        normalizer = global_sum(centerness.sum()).clamp(min=1)
        if not len(boxes):
            return outputs.sum() * 0
        decoded = self.bbox_coder.decode(anchors, outputs[:, :4])
        overlap = self.loss_bbox(decoded, boxes, weight=centerness, avg_factor=1.0) / normalizer
        return overlap + self.loss_centerness(outputs[:, 4], centerness, avg_factor=targets.num_samples)

    def deltas_and_quality(self, box_map: Tensor) -> tuple[Tensor, Tensor]:
        """Box deltas (B, n, 4) and centerness (B, n, 1) of one level's output (B, A * 5, H, W) of f_r."""
        outputs = flatten_map(box_map, 5)
        return outputs[..., :4], outputs[..., 4:].sigmoid()
