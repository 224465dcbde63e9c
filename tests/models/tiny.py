"""Tiny MI-AOD models and batches that the tests share."""

from __future__ import annotations

import torch
from mmcv import ConfigDict
from mmdet.models import build_detector, build_head

import mmdet_miaod.models  # noqa: F401  (registers the models)

TRAIN_CFG = dict(
    assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4, min_pos_iou=0, ignore_iof_thr=-1),
    allowed_border=-1,
    pos_weight=-1,
    debug=False,
)
TEST_CFG = dict(nms_pre=1000, score_thr=0.1, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100)
# Of MIAODATSSHead and of MMDetection's own.
ATSS = dict(
    num_classes=3,
    in_channels=8,
    feat_channels=8,
    stacked_convs=1,
    norm_cfg=dict(type='GN', num_groups=4),
    anchor_generator=dict(
        type='AnchorGenerator',
        ratios=[1.0],
        octave_base_scale=8,
        scales_per_octave=1,
        strides=[8, 16, 32, 64, 128],
    ),
    bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[0.1, 0.1, 0.2, 0.2]),
    train_cfg=dict(assigner=dict(type='ATSSAssigner', topk=9), allowed_border=-1, pos_weight=-1, debug=False),
    test_cfg=TEST_CFG,
)
SSD_TRAIN_CFG = dict(
    assigner=dict(
        type='MaxIoUAssigner',
        pos_iou_thr=0.5,
        neg_iou_thr=0.5,
        min_pos_iou=0.0,
        ignore_iof_thr=-1,
        gt_max_assign_all=False,
    ),
    smoothl1_beta=1.0,
    allowed_border=-1,
    pos_weight=-1,
    neg_pos_ratio=3,
    debug=False,
)


def head_config(num_classes: int = 3, channels: int = 8, stacked_convs: int = 1, **changes) -> dict:
    """Config of a narrow MIAODRetinaHead."""
    return dict(
        dict(
            type='MIAODRetinaHead',
            num_classes=num_classes,
            in_channels=channels,
            feat_channels=channels,
            stacked_convs=stacked_convs,
        ),
        **changes,
    )


def tiny_head(
    num_classes: int = 3, channels: int = 8, stacked_convs: int = 1, test_cfg: dict | None = None, **changes
):
    """A narrow MIAODRetinaHead with PyTorch's default weights."""
    return build_head(
        ConfigDict(
            head_config(
                num_classes,
                channels,
                stacked_convs,
                test_cfg=test_cfg or TEST_CFG,
                **{'train_cfg': TRAIN_CFG, **changes},
            )
        )
    )


def ssd_head(num_classes: int, channels: int):
    """A narrow MIAODSSDHead of six levels."""
    return build_head(
        ConfigDict(
            type='MIAODSSDHead',
            num_classes=num_classes,
            in_channels=(channels,) * 6,
            anchor_generator=dict(
                type='SSDAnchorGenerator',
                scale_major=False,
                input_size=300,
                basesize_ratio_range=(0.2, 0.9),
                strides=[8, 16, 32, 64, 100, 300],
                ratios=[[2], [2, 3], [2, 3], [2, 3], [2], [2]],
            ),
            bbox_coder=dict(
                type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[0.1, 0.1, 0.2, 0.2]
            ),
            train_cfg=SSD_TRAIN_CFG,
            test_cfg=dict(
                nms_pre=1000,
                score_thr=0.02,
                nms=dict(type='nms', iou_threshold=0.45),
                max_per_img=200,
            ),
        )
    )


def atss_head():
    """A narrow MIAODATSSHead with PyTorch's default weights."""
    return build_head(ConfigDict(type='MIAODATSSHead', **ATSS))


def tiny_detector(
    num_classes: int = 3, base_channels: int = 8, channels: int = 16, stacked_convs: int = 1, **head_changes
):
    """A small whole detector: ResNet-18 with few channels, FPN, MIAODRetinaHead."""
    return build_detector(
        ConfigDict(
            type='MIAODRetinaNet',
            backbone=dict(
                type='ResNet',
                depth=18,
                base_channels=base_channels,
                num_stages=4,
                out_indices=(0, 1, 2, 3),
                frozen_stages=1,
                norm_eval=True,
                style='pytorch',
            ),
            neck=dict(
                type='FPN',
                in_channels=[base_channels * 2**stage for stage in range(4)],
                out_channels=channels,
                start_level=1,
                add_extra_convs='on_input',
                num_outs=5,
            ),
            bbox_head=head_config(num_classes, channels, stacked_convs, **head_changes),
            train_cfg=TRAIN_CFG,
            test_cfg=TEST_CFG,
        )
    )


def image_metas(shapes, pad_shapes=None) -> list[dict]:
    """Meta data of images of (height, width) shapes."""
    return [
        dict(
            img_shape=(int(shape[0]), int(shape[1]), 3),
            pad_shape=(int(pad[0]), int(pad[1]), 3),
            ori_shape=(int(shape[0]), int(shape[1]), 3),
            scale_factor=1.0,
        )
        for shape, pad in zip(shapes, shapes if pad_shapes is None else pad_shapes, strict=True)
    ]


def random_features(
    seed: int, batch: int, height: int, width: int, channels: int = 8, scale: float = 1.0
) -> list:
    """Five levels of features of a padded (height, width) image batch, strides 8 to 128."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [(height // stride or 1, width // stride or 1) for stride in (8, 16, 32, 64, 128)]
    return [scale * torch.randn(batch, channels, *size, generator=generator) for size in sizes]


def random_boxes(seed: int, counts, height: int, width: int, num_classes: int):
    """Boxes and labels of images with ``counts`` objects each (0 is fine).

    Boxes are larger than the smallest anchor: one that lies within several anchors of a shape has the same
    overlap with all of them, and rounding decides which of them are positive.
    """
    generator = torch.Generator().manual_seed(seed)
    boxes, labels = [], []
    for count in counts:
        corner = torch.rand(count, 2, generator=generator) * torch.tensor([width * 0.4, height * 0.4])
        size = 34 + torch.rand(count, 2, generator=generator) * torch.tensor([width * 0.3, height * 0.3])
        boxes.append(torch.cat([corner, corner + size], dim=1))
        labels.append(torch.randint(num_classes, (count,), generator=generator))
    return boxes, labels
