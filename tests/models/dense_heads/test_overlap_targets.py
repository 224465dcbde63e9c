"""Targets in whole-tensor operations are those of MMDetection, to the bit."""

from __future__ import annotations

import pytest
import torch
from mmcv import ConfigDict

from mmdet_miaod.models.dense_heads.overlap_targets import assigns_by_overlap, overlap_targets
from tests.models.tiny import TRAIN_CFG, image_metas, ssd_head, tiny_head

SIZES = [(12, 16), (6, 8), (3, 4), (2, 2), (1, 1)]
SSD_SIZES = [(38, 38), (19, 19), (10, 10), (5, 5), (3, 3), (1, 1)]


def objects(seed: int, counts, width: int, height: int, device):
    """Boxes of all sizes, some equal and some beyond the image, with labels."""
    generator = torch.Generator().manual_seed(seed)
    boxes, labels = [], []
    for count in counts:
        corner = (torch.rand(count, 2, generator=generator) - 0.1) * torch.tensor([width, height])
        size = 2 + torch.rand(count, 2, generator=generator) ** 2 * width
        image = torch.cat([corner, corner + size], dim=1)
        if count > 2:
            image[2] = image[0]
        boxes.append(image.to(device))
        labels.append(torch.randint(3, (count,), generator=generator).to(device))
    return boxes, labels


def assert_stock_targets(head, sizes, metas, boxes, labels, ignored=None) -> None:
    assert assigns_by_overlap(head)
    anchors, valid = head.get_anchors(sizes, metas, device=boxes[0].device)
    stock = head.get_targets(anchors, valid, boxes, metas, ignored, labels)
    *found, num_samples = overlap_targets(
        head, anchors, valid, metas, gt_bboxes=boxes, gt_labels=labels, gt_bboxes_ignore=ignored
    )
    for mine, theirs in zip(found, stock[:4], strict=True):
        for level, expected in zip(mine, theirs, strict=True):
            assert level.dtype == expected.dtype
            assert torch.equal(level, expected)
    assert num_samples == stock[4]


@pytest.mark.parametrize('counts', [(3, 9), (0, 4), (0, 0), (1, 30)])
@pytest.mark.parametrize('seed', range(3))
def test_random_objects(counts, seed, device) -> None:
    head = tiny_head(3).to(device)
    # The first image ends before the padded border does.
    metas = image_metas([(80, 100), (96, 128)], [(80, 100), (96, 128)])
    assert_stock_targets(head, SIZES, metas, *objects(seed, counts, 128, 96, device))


@pytest.mark.parametrize(
    'assigner',
    [
        dict(match_low_quality=False),
        dict(gt_max_assign_all=False),
        dict(min_pos_iou=0.3),
        dict(neg_iou_thr=(0.1, 0.4)),
        dict(neg_iou_thr=1),
        dict(neg_iou_thr=(-1, 0.4)),
        dict(pos_iou_thr=0.25, neg_iou_thr=0.25),
        dict(ignore_iof_thr=0.5),
        dict(ignore_iof_thr=0.5, min_pos_iou=-2),
        dict(ignore_iof_thr=0.5, ignore_wrt_candidates=False),
    ],
    ids=str,
)
def test_every_setting_of_the_assigner(assigner, device) -> None:
    head = tiny_head(3).to(device)
    for name, value in assigner.items():
        setattr(head.assigner, name, value)
    boxes, labels = objects(5, (6, 0, 3), 128, 96, device)
    everything = torch.tensor([[-500.0, -500, 900, 900]], device=device)
    ignored = [torch.tensor([[20.0, 10, 90, 70]], device=device), everything, everything]
    metas = image_metas([(96, 128), (90, 100), (90, 100)], [(96, 128), (90, 100), (90, 100)])
    assert_stock_targets(head, SIZES, metas, boxes, labels, ignored)


def test_overlaps_at_the_thresholds(device) -> None:
    """An anchor, halves and quarters of it, so that overlaps are 0.5 and 0.25 exactly; and a box far away."""
    head = tiny_head(3).to(device)
    metas = image_metas([(96, 128)])
    anchors = torch.cat(head.get_anchors(SIZES, metas, device=device)[0][0])
    square = anchors[(anchors[:, 2] - anchors[:, 0] == 32) & (anchors[:, 3] - anchors[:, 1] == 32)][40]
    half, quarter = square.clone(), square.clone()
    half[2] -= 16
    quarter[2:] -= 16
    far = torch.tensor([5000.0, 5000, 5040, 5040], device=device)
    head.assigner.neg_iou_thr, head.assigner.ignore_iof_thr = 0.25, 0.5
    for boxes in ([square, half], [half], [quarter], [far], [half, far, quarter]):
        labels = [torch.arange(len(boxes), device=device)]
        assert_stock_targets(head, SIZES, metas, [torch.stack(boxes)], labels, [half[None]])


def test_boxes_without_size_of_other_types_and_with_scores(device) -> None:
    head = tiny_head(3).to(device)
    head.assigner.ignore_iof_thr = 0.5
    metas = image_metas([(96, 128)])
    point = torch.tensor([[40.0, 40, 40, 60], [10, 10, 80, 70]], device=device)
    labels = [torch.tensor([0, 2], device=device)]
    assert_stock_targets(head, SIZES, metas, [point], labels, [point[:1]])
    for dtype in (torch.float64, torch.float16, torch.int64):
        boxes = (point + 0.125).to(dtype)
        assert_stock_targets(head, SIZES, metas, [boxes[1:]], [labels[0][1:]])
    scored = torch.tensor([[20.0, 10, 90, 70, 0.9]], device=device)
    assert_stock_targets(head, SIZES, metas, [point[1:]], [labels[0][1:]], [scored])


@pytest.mark.parametrize(
    'changes', [dict(allowed_border=0), dict(allowed_border=16), dict(pos_weight=2.5)], ids=str
)
def test_every_setting_of_training(changes, device) -> None:
    head = tiny_head(3).to(device)
    head.train_cfg.update(changes)
    assert_stock_targets(head, SIZES, image_metas([(96, 128)] * 2), *objects(6, (5, 2), 128, 96, device))


def test_boxes_in_pixels(device) -> None:
    head = tiny_head(3, reg_decoded_bbox=True).to(device)
    assert_stock_targets(head, SIZES, image_metas([(96, 128)] * 2), *objects(7, (5, 2), 128, 96, device))


def test_means_and_deviations_of_the_coder(device) -> None:
    head = tiny_head(3).to(device)
    head.bbox_coder.means, head.bbox_coder.stds = (0.1, -0.1, 0.2, 0.0), (1, 2, 1, 3)
    assert_stock_targets(head, SIZES, image_metas([(96, 128)] * 2), *objects(7, (5, 2), 128, 96, device))


def test_ssd(device) -> None:
    head = ssd_head(3, 4).to(device)
    assert_stock_targets(
        head, SSD_SIZES, image_metas([(300, 300)] * 2), *objects(8, (9, 1), 300, 300, device)
    )


def test_an_image_without_a_usable_anchor_is_refused() -> None:
    head = tiny_head(3)
    head.train_cfg.allowed_border = 0
    boxes, labels = objects(9, (1,), 8, 8, 'cpu')
    with pytest.raises(ValueError, match='no valid anchor: set train_cfg.allowed_border=-1'):
        head.label_anchors([(1, 1)] * 5, image_metas([(8, 8)]), boxes, labels)


@pytest.mark.parametrize(
    'change',
    [
        dict(assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4, gpu_assign_thr=5)),
        dict(assigner=dict(type='ApproxMaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4)),
        dict(
            assigner=dict(
                type='MaxIoUAssigner',
                pos_iou_thr=0.5,
                neg_iou_thr=0.4,
                iou_calculator=dict(type='BboxOverlaps2D', dtype='fp16'),
            )
        ),
        dict(sampler=dict(type='RandomSampler', num=64, pos_fraction=0.5)),
    ],
    ids=str,
)
def test_other_assigners_and_samplers_are_left_to_the_stock_head(change) -> None:
    head = tiny_head(3, train_cfg=ConfigDict(TRAIN_CFG, **change))
    assert not assigns_by_overlap(head)


def test_other_boxes_and_anchors_are_left_to_the_stock_head() -> None:
    assert not assigns_by_overlap(tiny_head(3, bbox_coder=dict(type='TBLRBBoxCoder')))
    head = tiny_head(3)
    assert assigns_by_overlap(head)
    head.__class__ = type('OwnAnchors', (type(head),), dict(get_anchors=lambda *args, **kwargs: None))
    assert not assigns_by_overlap(head)
