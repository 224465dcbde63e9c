"""Features that classifier 1's output layer sees, and the boxes that targets stand for."""

from __future__ import annotations

import pytest
import torch

from tests.models.tiny import atss_head, image_metas, random_boxes, random_features, ssd_head, tiny_head


@pytest.mark.parametrize('make_head, output', [(tiny_head, 'f_1_retina'), (atss_head, 'f_1_atss')])
def test_the_output_layer_makes_the_classifier_of_them(make_head, output) -> None:
    head, feats = make_head(), random_features(0, 2, 64, 64)
    maps = [getattr(head, output)(level) for level in head.class_features(feats)]
    for found, expected in zip(maps, head.forward_branch(feats, 'f_1'), strict=True):
        assert torch.equal(found, expected)


def test_without_towers_they_are_the_necks() -> None:
    feats = [torch.randn(1, 4, size, size) for size in (38, 19, 10, 5, 3, 1)]
    assert all(map(torch.equal, ssd_head(5, 4).class_features(feats), feats))


@pytest.mark.parametrize('make_head', [tiny_head, atss_head])
def test_targets_decode_to_the_boxes_that_were_assigned(make_head) -> None:
    head, metas = make_head(), image_metas([(96, 128)])
    boxes, labels = random_boxes(0, (2,), 96, 128, 3)
    sizes = [tuple(level.shape[-2:]) for level in random_features(0, 1, 96, 128)]
    targets = head.assign_anchors(sizes, metas, boxes, labels)
    found = torch.cat(head.target_boxes(targets), dim=1)[0]
    positive = torch.cat(targets.labels, dim=1)[0] < 3
    assert positive.any()
    nearest = (found[positive][:, None] - boxes[0]).abs().amax(dim=2).amin(dim=1)
    assert nearest.max() < 1e-3
