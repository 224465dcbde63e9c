from __future__ import annotations

import pytest
import torch
from torch import nn

from mmdet_miaod.models.dense_heads import miaod_mixin
from mmdet_miaod.models.dense_heads.loss_terms import BRANCHES, LOSS_TERMS
from tests.models.tiny import TEST_CFG, image_metas, random_boxes, random_features, tiny_head

REACHED = {
    'loss_cls': {'f_1', 'f_2'},
    'loss_bbox': {'f_r'},
    'loss_mil': {'f_mil'},
    'loss_dis': {'f_1', 'f_2'},
    'loss_dis_max': {'f_1', 'f_2'},
    'loss_mil_pseudo': {'f_mil'},
}
COMPUTED = {
    'loss_cls': {'f_1', 'f_2'},
    'loss_bbox': {'f_r'},
    'loss_mil': {'f_1', 'f_2', 'f_mil'},
    'loss_dis': {'f_1', 'f_2', 'f_mil'},
    'loss_dis_max': {'f_1', 'f_2', 'f_mil'},
    'loss_mil_pseudo': {'f_1', 'f_2', 'f_mil'},
}


@pytest.fixture
def case():
    torch.manual_seed(0)
    head = tiny_head()
    nn.init.constant_(head.f_1_retina.bias, 1.0)  # every image has pseudo-labels
    feats = [level.requires_grad_() for level in random_features(0, 2, 64, 64)]
    return head, feats, image_metas([(64, 64)] * 2), *random_boxes(0, [2, 1], 64, 64, 3)


def spy(head, name: str, monkeypatch) -> list:
    """Record the calls of a method of the head: positional arguments."""
    calls, method = [], getattr(head, name)

    def recorded(*args):
        calls.append(args)
        return method(*args)

    monkeypatch.setattr(head, name, recorded)
    return calls


@pytest.mark.parametrize('term', LOSS_TERMS)
def test_each_term_computes_and_reaches_its_branches_alone(case, term, monkeypatch) -> None:
    head, feats, metas, boxes, labels = case
    calls = spy(head, 'forward_branch', monkeypatch)
    loss = head.forward_train(feats, metas, (term,), boxes, labels)[term]
    assert sorted(branch for _, branch in calls) == sorted(COMPUTED[term])
    loss.backward()
    for branch in BRANCHES:
        reached = [
            p.grad is not None and p.grad.abs().sum() > 0
            for n, p in head.named_parameters()
            if n.startswith(branch)
        ]
        assert all(reached) if branch in REACHED[term] else not any(reached), branch
    assert all(level.grad.abs().sum() > 0 for level in feats[:1])


def test_targets_are_assigned_once_and_only_for_labeled_terms(case, monkeypatch) -> None:
    head, feats, metas, boxes, labels = case
    calls = spy(head, 'label_anchors', monkeypatch)
    head.forward_train(feats, metas, ('loss_dis', 'loss_mil_pseudo'))
    head.forward_train(feats, metas, ('loss_dis', 'loss_mil'), boxes, labels)
    assert not calls
    losses = head.forward_train(feats, metas, ('loss_bbox', 'loss_mil', 'loss_cls'), boxes, labels)
    assert len(calls) == 1
    assert list(losses) == ['loss_bbox', 'loss_mil', 'loss_cls']


def test_terms_together_have_the_values_they_have_alone(case) -> None:
    head, feats, metas, boxes, labels = case
    together = head.forward_train(feats, metas, tuple(LOSS_TERMS), boxes, labels)
    for name, value in together.items():
        assert torch.equal(head.forward_train(feats, metas, (name,), boxes, labels)[name], value)


@pytest.mark.parametrize('terms', [('loss_cls', 'l_det'), ()])
def test_unknown_or_no_terms(case, terms) -> None:
    with pytest.raises(ValueError, match='at least one of'):
        case[0].forward_train(*case[1:3], terms)


def test_labeled_terms_need_labels(case) -> None:
    with pytest.raises(ValueError, match=r"\['loss_mil'\] need gt_bboxes"):
        case[0].forward_train(*case[1:3], ('loss_dis', 'loss_mil'))


def test_uncertainty_uses_the_classifiers_alone(case, monkeypatch) -> None:
    head, feats, _metas, *_ = case
    calls = spy(head, 'forward_branch', monkeypatch)
    batched = head.uncertainty(feats, 50)
    assert [branch for _, branch in calls] == ['f_1', 'f_2']
    single = torch.cat([head.uncertainty([level[i : i + 1] for level in feats], 50) for i in range(2)])
    torch.testing.assert_close(batched, single, rtol=1e-5, atol=0)


def test_predict_uses_classifier_1_and_boxes_alone_and_rescales(case, monkeypatch) -> None:
    head, feats, metas, *_ = case
    calls = spy(head, 'forward_branch', monkeypatch)
    plain = head.predict(feats, metas)
    assert [branch for _, branch in calls] == ['f_1', 'f_r']
    assert len(plain) == 2
    assert 0 < len(plain[0][0]) <= 100
    assert not plain[0][0].requires_grad
    for boxes, _ in plain:
        assert boxes[:, :4].min() >= 0
        assert boxes[:, :4].max() <= 64
    for meta in metas:
        meta['scale_factor'] = [2.0, 4.0, 2.0, 4.0]
    rescaled = head.predict(feats, metas, rescale=True)
    assert rescaled[0][0][:, 2].max() <= 32
    assert rescaled[0][0][:, 3].max() <= 16
    for image, (boxes, labels) in enumerate(plain):  # a batch gives what its images give alone
        alone, alone_labels = head.predict(
            [level[image : image + 1] for level in feats], metas[image : image + 1]
        )[0]
        torch.testing.assert_close(boxes, alone, rtol=1e-4, atol=1e-4)
        assert torch.equal(labels, alone_labels)


def test_other_suppression_than_nms_is_refused(case) -> None:
    head = tiny_head(test_cfg=dict(TEST_CFG, nms=dict(type='soft_nms', iou_threshold=0.5)))
    with pytest.raises(ValueError, match='soft_nms'):
        head.predict(*case[1:3])


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


def test_instance_maps(case) -> None:
    head, feats, *_ = case
    maps = head.instance_maps(feats)
    for level, feat in enumerate(feats):
        anchors = 9 * feat.shape[2] * feat.shape[3]
        assert maps['discrepancy'][level].shape == maps['weight'][level].shape == (2, anchors, 3)
    torch.testing.assert_close(maps['weight'][0].sum(dim=(1, 2)), torch.ones(2))


def test_a_head_without_layers_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match='forward_branch'):
        miaod_mixin.MIAODHeadMixin.forward_branch(object.__new__(miaod_mixin.MIAODHeadMixin), [], 'f_1')
