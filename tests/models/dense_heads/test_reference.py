"""Losses and scores of the head against the formulas written out as loops."""

from __future__ import annotations

import pytest
import torch
from numpy.testing import assert_allclose

from tests.models import slow_reference
from tests.models.tiny import image_metas, random_boxes, random_features, tiny_head

# seed, classes, batch (height, width), pad shape of each image, objects in each image, scale of the features
CASES = {
    'one_image': (1, 3, (64, 96), [(64, 96)], [2], 1.0),
    'smaller_pad_shapes': (2, 4, (96, 64), [(64, 64), (96, 32)], [1, 3], 2.0),
    'first_without_boxes': (3, 3, (64, 64), [(64, 64), (64, 64)], [0, 2], 1.0),
    'last_without_boxes': (4, 3, (64, 64), [(64, 64), (64, 64)], [2, 0], 1.0),
    'no_boxes_at_all': (5, 2, (64, 64), [(64, 64), (32, 64)], [0, 0], 1.0),
    'one_class': (6, 1, (64, 64), [(64, 64), (64, 64)], [1, 0], 1.0),
    'pseudo_labels': (7, 3, (64, 64), [(64, 64), (64, 64)], [1, 1], 12.0),
    'some_pseudo_labels': (8, 3, (64, 64), [(64, 64), (64, 64)], [1, 1], (12.0, 0.1)),
}


def build_case(name: str, **head_changes):
    seed, classes, (height, width), pads, counts, scale = CASES[name]
    torch.manual_seed(seed)
    head = tiny_head(classes, **head_changes)
    for branch in ('f_1', 'f_2'):  # no pseudo-label unless features are large
        torch.nn.init.constant_(getattr(head, f'{branch}_retina').bias, -1.5)
    feats = random_features(seed, len(pads), height, width)
    factor = torch.tensor(scale if isinstance(scale, tuple) else (scale,)).view(-1, 1, 1, 1)
    feats = [level * factor for level in feats]
    boxes, labels = random_boxes(seed, counts, *(min(side) for side in zip(*pads, strict=True)), classes)
    return head, feats, image_metas(pads), boxes, labels


def expected_values(head, feats, metas, boxes, labels) -> dict:
    branches = ('f_1', 'f_2', 'f_r', 'f_mil')
    maps = {
        b: [m.detach().double().numpy() for m in v] for b, v in head.forward_branches(feats, branches).items()
    }
    boxes, labels = [b.double().numpy() for b in boxes], [label.numpy() for label in labels]
    pads = [meta['pad_shape'] for meta in metas]
    return dict(
        slow_reference.detection_losses(maps, pads, boxes, labels, head.num_classes),
        **slow_reference.image_losses(maps, labels, head.num_classes, head.mil_activation),
        maps=maps,
    )


@pytest.mark.parametrize('name', CASES)
def test_losses_follow_the_formulas(name) -> None:
    head, feats, metas, boxes, labels = build_case(name)
    expected = expected_values(head, feats, metas, boxes, labels)
    terms = ('loss_cls', 'loss_bbox', 'loss_mil', 'loss_dis', 'loss_dis_max', 'loss_mil_pseudo')
    losses = head.forward_train(feats, metas, terms, boxes, labels)
    assert tuple(losses) == terms
    for term in terms:
        assert_allclose(losses[term].item(), expected[term], rtol=2e-5, atol=1e-7, err_msg=term)
    if 'pseudo_labels' in name:
        assert (expected['loss_mil_pseudo'] > 0) == (name == 'pseudo_labels')
    assert (expected['loss_bbox'] > 0) == any(len(b) for b in boxes)
    sum(losses.values()).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in head.parameters())


def test_forced_softmax_of_one_class() -> None:
    head, feats, metas, boxes, labels = build_case('one_class', mil_activation='softmax')
    expected = expected_values(head, feats, metas, boxes, labels)
    losses = head.forward_train(feats, metas, ('loss_mil', 'loss_dis'), boxes, labels)
    for term, value in losses.items():
        assert_allclose(
            value.item(), expected[term], rtol=1e-3, err_msg=term
        )  # 1 - 1e-5 in float32: 3 digits
    assert head.mil_activation == 'softmax'


@pytest.mark.parametrize('k', [1, 40, 10000])
def test_uncertainty_follows_the_formula(k) -> None:
    head, feats, *_ = build_case('smaller_pad_shapes')
    maps = {
        b: [m.detach().double().numpy() for m in v]
        for b, v in head.forward_branches(feats, ('f_1', 'f_2')).items()
    }
    scores = head.uncertainty(feats, k)
    assert scores.dtype == torch.float32
    assert not scores.requires_grad
    assert_allclose(scores.numpy(), slow_reference.uncertainty(maps, head.num_classes, k), rtol=1e-5)
