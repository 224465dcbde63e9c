"""Targets in whole-tensor operations are those of MMDetection, to the bit."""

from __future__ import annotations

import pytest
import torch
from mmdet.models.dense_heads import AnchorHead

from mmdet_miaod.models.dense_heads.overlap_targets import assigns_by_overlap, overlap_targets
from tests.models.test_golden_ssd import ssd_head
from tests.models.tiny import image_metas, tiny_head

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
    *found, num_samples = overlap_targets(head, anchors, valid, metas, boxes, labels, ignored)
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
        dict(neg_iou_thr=0),
        dict(ignore_iof_thr=0.5),
        dict(ignore_iof_thr=0.5, ignore_wrt_candidates=False),
    ],
    ids=str,
)
def test_every_setting_of_the_assigner(assigner, device) -> None:
    head = tiny_head(3).to(device)
    for name, value in assigner.items():
        setattr(head.assigner, name, value)
    boxes, labels = objects(5, (6, 0), 128, 96, device)
    ignored = [torch.tensor([[20.0, 10, 90, 70]], device=device), boxes[0][:0]]
    assert_stock_targets(head, SIZES, image_metas([(96, 128)] * 2), boxes, labels, ignored)


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


def test_a_head_with_targets_of_its_own_keeps_them() -> None:
    head = tiny_head(3)
    assert assigns_by_overlap(head)

    class OwnTargets(type(head)):
        def get_targets(self, *args, **kwargs):
            return AnchorHead.get_targets(self, *args, **kwargs)

    head.__class__ = OwnTargets
    assert not assigns_by_overlap(head)
    boxes, labels = objects(1, (3,), 128, 96, 'cpu')
    own = head.label_anchors(SIZES, image_metas([(96, 128)]), boxes, labels)
    head.__class__ = OwnTargets.__base__
    plain = head.label_anchors(SIZES, image_metas([(96, 128)]), boxes, labels)
    assert torch.equal(torch.cat(own.labels, dim=1), torch.cat(plain.labels, dim=1))
    assert own.num_samples == plain.num_samples
