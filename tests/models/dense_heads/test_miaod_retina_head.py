from __future__ import annotations

import math

import pytest
import torch

from mmdet_miaod.models.dense_heads.loss_terms import BRANCHES
from tests.models.tiny import tiny_head


def initialized_head(seed: int = 0, **changes):
    torch.manual_seed(seed)
    head = tiny_head(5, channels=64, stacked_convs=2, **changes)
    head.init_weights()
    return head


def test_initialization() -> None:
    head = initialized_head()
    kaiming = math.sqrt(2 / (64 * 9))
    for branch in BRANCHES:
        tower = getattr(head, f'{branch}_convs')
        for layer in tower:
            expected = kaiming if branch == 'f_mil' else 0.01
            assert layer.conv.weight.std().item() == pytest.approx(expected, rel=0.03)
            assert not layer.conv.bias.any()
        output = getattr(head, f'{branch}_retina')
        assert output.weight.std().item() == pytest.approx(0.01, rel=0.03)
        expected_bias = 0.0 if branch == 'f_r' else -math.log(99)
        torch.testing.assert_close(output.bias, torch.full_like(output.bias, expected_bias))


def test_same_seed_same_weights_and_branches_differ() -> None:
    first, second, other = (initialized_head(seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not torch.equal(first['f_mil_convs.0.conv.weight'], other['f_mil_convs.0.conv.weight'])
    assert not torch.equal(first['f_1_convs.0.conv.weight'], first['f_2_convs.0.conv.weight'])
    assert not torch.equal(first['f_1_retina.weight'], first['f_2_retina.weight'])


def test_normalized_towers_initialize_too() -> None:
    head = initialized_head(norm_cfg=dict(type='GN', num_groups=4))
    assert all((layer.gn.weight == 1).all() for layer in head.f_mil_convs)


def test_own_init_cfg_replaces_the_published_one() -> None:
    head = initialized_head(init_cfg=dict(type='Constant', layer='Conv2d', val=0.5))
    assert all((p == 0.5).all() for name, p in head.named_parameters() if name.endswith('weight'))


def test_initializing_twice_warns_and_changes_nothing() -> None:
    head = initialized_head()
    before = {name: value.clone() for name, value in head.state_dict().items()}
    with pytest.warns(UserWarning, match='more than once'):
        head.init_weights()
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())


def test_output_shapes() -> None:
    head = tiny_head(4, channels=8)
    feats = [torch.randn(2, 8, *size) for size in ((8, 6), (4, 3), (2, 2), (1, 1), (1, 1))]
    maps = head.forward_branches(feats, BRANCHES)
    for branch in BRANCHES:
        channels = 36  # 9 anchors of 4 classes, or of 4 box deltas
        assert [tuple(level.shape) for level in maps[branch]] == [(2, channels, *f.shape[2:]) for f in feats]
    classes, boxes = head(feats)
    assert torch.equal(classes[0], maps['f_1'][0])
    assert torch.equal(boxes[4], maps['f_r'][4])


def test_softmax_loss_is_refused() -> None:
    with pytest.raises(ValueError, match='no background channel'):
        tiny_head(loss_cls=dict(type='CrossEntropyLoss'))
