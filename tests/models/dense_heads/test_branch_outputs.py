"""Values that loss terms share of a batch's branches."""

from __future__ import annotations

import torch

from mmdet_miaod.models.dense_heads.branch_outputs import (
    BranchOutputs,
    flatten_map,
    full_precision,
    join_levels,
    softmax_probability,
)
from mmdet_miaod.models.losses.mil import image_score, mil_weight


def level_maps(*values: float) -> list[torch.Tensor]:
    """Two levels of one anchor and two classes, of 1 x 1 and 1 x 2 places."""
    first, second = torch.tensor(values[:2]), torch.tensor(values[2:])
    return [first.view(1, 2, 1, 1), second.view(2, 2).T.reshape(1, 2, 1, 2)]


def outputs(probability=torch.sigmoid) -> BranchOutputs:
    maps = dict(
        f_1=level_maps(1, 2, 3, 4, 5, 6), f_2=level_maps(0, 0, 1, 1, 2, 2), f_mil=level_maps(1, 0, 0, 1, 2, 2)
    )
    return BranchOutputs(maps, 2, probability, 'softmax')


def test_a_map_becomes_a_row_per_anchor_in_the_order_of_the_stock_heads_anchors() -> None:
    # Two anchors of two channels on 1 x 2 places: place, then anchor, then channel.
    level = torch.tensor([[[[0.0, 4.0]], [[1.0, 5.0]], [[2.0, 6.0]], [[3.0, 7.0]]]])
    assert flatten_map(level, 2).tolist() == [[[0, 1], [2, 3], [4, 5], [6, 7]]]
    assert flatten_map(level.half(), 2).dtype == torch.float32


def test_logits_and_probabilities_have_a_tensor_per_level() -> None:
    found = outputs()
    assert [level.tolist() for level in found.logits_1] == [[[[1, 2]]], [[[3, 4], [5, 6]]]]
    assert torch.equal(join_levels(found.logits_2), torch.tensor([[[0.0, 0], [1, 1], [2, 2]]]))
    assert found.probabilities_1 is found.sigmoids_1
    assert torch.equal(found.probabilities_2[1], found.logits_2[1].sigmoid())


def test_a_softmax_head_has_probabilities_beside_its_sigmoids() -> None:
    found = outputs(softmax_probability)
    assert torch.equal(found.probabilities_1[1], found.logits_1[1].softmax(dim=-1))
    assert torch.equal(found.sigmoids_1[1], found.logits_1[1].sigmoid())


def test_weights_and_image_scores_are_those_of_the_multiple_instance_branch() -> None:
    found = outputs()
    mil = [flatten_map(level, 2) for level in found.maps['f_mil']]
    expected = [mil_weight(*level) for level in zip(mil, found.logits_1, found.logits_2, strict=True)]
    assert all(map(torch.equal, found.mil_weights, expected))
    assert torch.equal(found.image_scores, image_score(expected))


def test_values_are_computed_once_and_branches_that_nobody_asks_for_are_not_needed() -> None:
    found = BranchOutputs(dict(f_1=level_maps(1, 2, 3, 4, 5, 6)), 2, torch.sigmoid, 'softmax')
    assert found.logits_1 is found.logits_1
    assert len(found.sigmoids_1) == 2


def test_sums_are_in_full_precision_under_autocast() -> None:
    values = torch.ones(2, 2)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert (values @ values).dtype == torch.bfloat16
        with full_precision(values.device):
            assert (values @ values).dtype == torch.float32
