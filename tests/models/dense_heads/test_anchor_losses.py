"""Anchor targets of a batch, by this package or by the stock head, and the losses of them."""

from __future__ import annotations

import pytest
import torch
from mmdet.core import bbox_overlaps
from mmdet.models.dense_heads import AnchorHead

from mmdet_miaod.models.dense_heads.anchor_losses import AnchorTargets
from tests.models.tiny import image_metas, random_boxes, tiny_head

SIZES = [(12, 16), (6, 8), (3, 4), (2, 2), (1, 1)]


def test_targets_have_a_row_per_image_and_anchor() -> None:
    boxes, labels = random_boxes(1, (3, 0), 96, 128, 3)
    targets = tiny_head(3).label_anchors(SIZES, image_metas([(96, 128)] * 2), boxes, labels)
    for level, (height, width) in enumerate(SIZES):
        anchors = 9 * height * width
        assert targets.labels[level].shape == targets.label_weights[level].shape == (2, anchors)
        for values in (targets.anchors, targets.bbox_targets, targets.bbox_weights):
            assert values[level].shape == (2, anchors, 4)
        assert (targets.labels[level][1] == 3).all()
    positive = sum((level < 3).sum() for level in targets.labels)
    assert targets.num_samples == positive + 1  # the image without boxes counts as one
    assert targets.num_samples.dtype == torch.float32


def test_lists_of_other_lengths_are_refused() -> None:
    head = tiny_head(3)
    boxes, labels = random_boxes(1, (3, 2), 96, 128, 3)
    with pytest.raises(ValueError, match='shorter'):
        head.label_anchors(SIZES, image_metas([(96, 128)] * 2), boxes, labels[:1])


def test_a_head_with_targets_of_its_own_keeps_them() -> None:
    calls = []

    class OwnTargets(type(tiny_head())):
        def get_targets(self, *args, **kwargs):
            calls.append(args)
            return AnchorHead.get_targets(self, *args, **kwargs)

    head = tiny_head(3)
    boxes, labels = random_boxes(1, (3,), 96, 128, 3)
    plain = head.label_anchors(SIZES, image_metas([(96, 128)]), boxes, labels)
    head.__class__ = OwnTargets
    own = head.label_anchors(SIZES, image_metas([(96, 128)]), boxes, labels)
    assert len(calls) == 1
    assert torch.equal(torch.cat(own.labels, dim=1), torch.cat(plain.labels, dim=1))
    assert own.num_samples == plain.num_samples
    # One that samples divides by the negatives too.
    head.sampling = True
    counted = sum((level > 0).sum() for level in own.label_weights)
    assert head.label_anchors(SIZES, image_metas([(96, 128)]), boxes, labels).num_samples == counted
    head.sampling, head.train_cfg.allowed_border = False, 0
    with pytest.raises(ValueError, match=r'shapes \[\(8, 8, 3\)\] has no valid anchor'):
        head.label_anchors([(1, 1)] * 5, image_metas([(8, 8)]), boxes, labels)


def test_ignored_regions_are_neither_object_nor_background() -> None:
    """With ``ignore_iof_thr`` their anchors count for nothing, without it as background."""
    images = image_metas([(64, 64)]), [torch.tensor([[4.0, 4, 36, 36]])], [torch.tensor([1])]
    region = [torch.tensor([[32.0, 32, 64, 64]])]
    sizes = [(8, 8), (4, 4), (2, 2), (1, 1), (1, 1)]
    weights = {}
    for threshold in (-1, 0.5):
        head = tiny_head(3)
        head.assigner.ignore_iof_thr = threshold
        targets = head.label_anchors(sizes, *images, region)
        weights[threshold] = torch.cat([level.flatten() for level in targets.label_weights])
        anchors = torch.cat([level.flatten(0, 1) for level in targets.anchors])
    inside = bbox_overlaps(anchors, region[0], mode='iof')[:, 0] > 0.5
    object_overlap = bbox_overlaps(anchors, images[1][0])[:, 0]
    assert inside.sum() > 20 and (weights[-1][inside & (object_overlap < 0.4)] == 1).all()
    assert (weights[0.5][inside] == 0).all()
    assert torch.equal(weights[0.5][~inside], weights[-1][~inside])


def test_losses_are_sums_over_levels_divided_by_the_samples() -> None:
    head = tiny_head(1, loss_cls=dict(type='SigmoidFocalLoss', use_sigmoid=True, gamma=0.0, alpha=0.5))
    anchors = [torch.tensor([[[0.0, 0, 8, 8], [8, 0, 16, 8]]]), torch.tensor([[[0.0, 0, 16, 16]]])]
    targets = AnchorTargets(
        anchors=anchors,
        labels=[torch.tensor([[0, 1]]), torch.tensor([[1]])],
        label_weights=[torch.ones(1, 2), torch.zeros(1, 1)],
        bbox_targets=[torch.ones(1, 2, 4), torch.ones(1, 1, 4)],
        bbox_weights=[torch.tensor([[[1.0] * 4, [0.0] * 4]]), torch.zeros(1, 1, 4)],
        num_samples=torch.tensor(2.0),
    )
    # Two anchors count, each with 0.5 * log(2) for a logit of 0.
    logits = [torch.zeros(1, 2, 1), torch.full((1, 1, 1), 9.0)]
    assert head.classification_loss(logits, targets).item() == pytest.approx(0.5 * 0.693147, rel=1e-5)
    # One anchor counts: four offsets that are 0.25 away from their target.
    maps = [torch.full((1, 8, 1, 1), 0.75), torch.full((1, 4, 1, 1), 9.0)]
    assert head.regression_loss(maps, targets).item() == 4 * 0.25 / 2
