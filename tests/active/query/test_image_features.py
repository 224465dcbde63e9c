"""Features of whole images against their formulas."""

from __future__ import annotations

import numpy as np
import torch
from numpy.testing import assert_allclose

from mmdet_miaod.active.query.image_features import class_presence, pooled_features
from tests.active.query.tiny import FeatureModel
from tests.models.tiny import random_features, tiny_head


def test_pooled_features_are_means_over_positions_and_levels() -> None:
    feats = random_features(0, 2, 64, 64)
    expected = np.mean([level.mean(dim=(2, 3)).numpy() for level in feats], axis=0)
    assert_allclose(pooled_features(None, feats), expected, rtol=1e-5, atol=1e-7)


def test_pooled_levels_of_different_width_are_joined() -> None:
    assert pooled_features(None, [torch.ones(1, 2, 3, 3), torch.ones(1, 5, 1, 1)]).shape == (1, 7)


def test_class_presence_is_the_largest_probability_over_all_anchors() -> None:
    torch.manual_seed(0)
    head, feats = tiny_head(3), random_features(0, 2, 64, 64)
    maps = head.forward_branches(feats, ('f_1',))['f_1']
    flat = torch.cat([level.reshape(2, 9, 3, -1) for level in maps], dim=3).sigmoid().amax(dim=(1, 3))
    torch.testing.assert_close(class_presence(FeatureModel(head), feats), flat)
