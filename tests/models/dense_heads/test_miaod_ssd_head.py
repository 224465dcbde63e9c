"""SSD's head: its loss by hand, and settings that it refuses; its numbers are in test_golden_ssd.py."""

from __future__ import annotations

import pytest
import torch
from mmcv import ConfigDict
from mmdet.models import build_head

from mmdet_miaod.models.dense_heads.miaod_ssd_head import hard_negative_cross_entropy
from tests.models.tiny import ssd_head

LOG_2 = 0.6931472


def mined(labels: list[list[int]], weights: list[list[float]], negatives_per_positive: float = 1.0) -> float:
    """Loss of anchors of one class and background with equal probabilities, so that each costs log 2."""
    shape = (len(labels), len(labels[0]), 2)
    return hard_negative_cross_entropy(
        torch.zeros(shape),
        torch.tensor(labels),
        torch.tensor(weights),
        background=1,
        negatives_per_positive=negatives_per_positive,
    ).item()


def test_as_many_of_the_hardest_negatives_count_as_the_image_has_positives() -> None:
    # One positive of weight 1, and the negative of weight 3 of the weights 1, 3 and 2.
    assert mined([[0, 1, 1, 1]], [[1, 1, 3, 2]]) == pytest.approx(4 * LOG_2)
    assert mined([[0, 1, 1, 1]], [[1, 1, 3, 2]], 2) == pytest.approx(6 * LOG_2)
    assert mined([[0, 1, 1, 1]], [[1, 1, 3, 2]], 99) == pytest.approx(7 * LOG_2)


def test_an_image_without_positives_counts_nothing_and_does_not_help_others() -> None:
    assert mined([[1, 1, 1]], [[1, 1, 1]]) == 0
    assert mined([[0, 1, 1], [1, 1, 1]], [[1, 1, 1], [1, 1, 1]]) == pytest.approx(2 * LOG_2)


def test_classes_and_boxes_have_their_channels_per_level() -> None:
    head = ssd_head(5, 4)
    feats = [torch.randn(2, 4, size, size) for size in (38, 19, 10, 5, 3, 1)]
    for branch, channels in (('f_1', 6), ('f_mil', 6), ('f_r', 4)):
        shapes = [tuple(level.shape) for level in head.forward_branch(feats, branch)]
        assert shapes == [
            (2, anchors * channels, *level.shape[2:])
            for anchors, level in zip((4, 6, 6, 6, 4, 4), feats, strict=True)
        ]


@pytest.mark.parametrize('towers', [dict(stacked_convs=1), dict(use_depthwise=True)], ids=str)
def test_towers_are_refused(towers) -> None:
    with pytest.raises(ValueError, match='no towers'):
        build_head(ConfigDict(type='MIAODSSDHead', num_classes=1, in_channels=(4,), **towers))
