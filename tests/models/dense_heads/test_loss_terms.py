"""The table of loss terms: what each computes, trains and needs, and rows that users add."""

from __future__ import annotations

import pytest
import torch

from mmdet_miaod.models.dense_heads.loss_terms import BRANCHES, LOSS_TERMS, HeadBatch, LossTerm

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


@pytest.mark.parametrize('term', LOSS_TERMS)
def test_each_term_computes_and_reaches_its_branches_alone(case, term, spy) -> None:
    head, feats, metas, boxes, labels = case
    calls = spy(head, 'forward_branch')
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


def test_targets_are_assigned_once_and_only_for_labeled_terms(case, spy) -> None:
    head, feats, metas, boxes, labels = case
    calls = spy(head, 'label_anchors')
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


def test_a_term_of_ones_own_is_a_function_and_a_row(case, spy, monkeypatch) -> None:
    head, feats, metas, *_ = case
    batches: list[HeadBatch] = []

    def squared_logits(batch: HeadBatch) -> torch.Tensor:
        batches.append(batch)
        return sum(level.square().sum() for level in batch.outputs.logits_2)

    monkeypatch.setitem(LOSS_TERMS, 'loss_logits', LossTerm(squared_logits, trains=('f_2',)))
    calls = spy(head, 'forward_branch')
    losses = head.forward_train(feats, metas, ('loss_logits', 'loss_dis'))
    assert sorted(branch for _, branch in calls) == ['f_1', 'f_2', 'f_mil']
    (batch,) = batches
    assert (batch.head, batch.img_metas, batch.gt_bboxes) == (head, metas, None)
    assert batch.feature_sizes == [(8, 8), (4, 4), (2, 2), (1, 1), (1, 1)]
    expected = sum(level.square().sum() for level in head.forward_branch(feats, 'f_2'))
    torch.testing.assert_close(losses['loss_logits'], expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ('branches', 'message'),
    [
        (dict(trains='f_1'), "trains='f_1'"),
        (dict(trains=('f_1', 'f_3')), 'f_3.*out of'),
        (dict(trains=()), 'at least one branch'),
        (dict(trains=('f_1',), reads=('mil',)), "reads=.*'mil'"),
    ],
)
def test_a_term_of_unknown_branches_is_refused(branches, message) -> None:
    with pytest.raises(ValueError, match=message):
        LossTerm(lambda batch: torch.zeros(()), **branches)
