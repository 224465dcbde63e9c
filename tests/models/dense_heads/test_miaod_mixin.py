"""What does not depend on the kind of head: activations, precision, what a head has to have."""

from __future__ import annotations

import pytest
import torch

from mmdet_miaod.models.dense_heads import MIAODHeadMixin
from mmdet_miaod.models.dense_heads.loss_terms import LOSS_TERMS
from tests.models.tiny import tiny_head


@pytest.mark.parametrize(
    ('classes', 'given', 'expected'), [(1, None, 'sigmoid'), (2, None, 'softmax'), (1, 'softmax', 'softmax')]
)
def test_mil_activation(classes, given, expected, caplog) -> None:
    with caplog.at_level('INFO', logger='mmdet'):
        assert tiny_head(classes, mil_activation=given).mil_activation == expected
    assert ('mil_activation' in caplog.text) == (expected == 'sigmoid')


def test_unknown_mil_activation() -> None:
    with pytest.raises(ValueError, match=r"'tanh'.*softmax"):
        tiny_head(mil_activation='tanh')


def test_losses_and_scores_are_float32_under_autocast(case) -> None:
    head, feats, metas, boxes, labels = case
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = head.forward_train(feats, metas, tuple(LOSS_TERMS), boxes, labels)
        scores = head.uncertainty(feats, 50)
        detections = head.predict(feats, metas)
    reference = head.forward_train(feats, metas, tuple(LOSS_TERMS), boxes, labels)
    for name, value in losses.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, reference[name], rtol=0.05, atol=1e-3)
    assert scores.dtype == torch.float32
    assert detections[0][0].dtype == torch.float32
    sum(losses.values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in head.parameters())


def test_a_head_without_layers_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match='forward_branch'):
        MIAODHeadMixin.forward_branch(object.__new__(MIAODHeadMixin), [], 'f_1')
