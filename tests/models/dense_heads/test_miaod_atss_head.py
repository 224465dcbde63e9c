"""MI-AOD on ATSS, the example of a head of one's own."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmcv import ConfigDict
from mmdet.models import build_head

from mmdet_miaod.active.query.detections import detected_instances
from tests.models.tiny import ATSS, TEST_CFG, atss_head, image_metas, random_boxes, random_features

LABEL_TERMS = ('loss_cls', 'loss_bbox', 'loss_mil')
UNLABELED_TERMS = ('loss_dis', 'loss_dis_max', 'loss_mil_pseudo')


@pytest.fixture
def head():
    torch.manual_seed(0)
    return atss_head()


@pytest.fixture
def batch():
    metas = image_metas([(128, 160)] * 2)
    return random_features(1, 2, 128, 160), metas, *random_boxes(2, (3, 1), 128, 160, 3)


def stock_head(head):
    """MMDetection's ATSSHead whose class tower is one of the two classifiers; both share the weights."""
    torch.manual_seed(0)
    stock = build_head(
        ConfigDict(
            type='ATSSHead',
            **ATSS,
            loss_cls=dict(type='SigmoidFocalLoss', use_sigmoid=True),
            loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
        )
    )
    stock.cls_convs[0], stock.reg_convs[0] = head.f_1_convs[0], head.f_r_convs[0]
    stock.atss_cls, stock.scales = head.f_1_atss, head.f_r_scales
    with torch.no_grad():
        stock.atss_reg.weight.copy_(head.f_r_atss.weight[:4])
        stock.atss_reg.bias.copy_(head.f_r_atss.bias[:4])
        stock.atss_centerness.weight.copy_(head.f_r_atss.weight[4:])
        stock.atss_centerness.bias.copy_(head.f_r_atss.bias[4:])
    return stock


def test_detection_losses_are_those_of_the_stock_head(head, batch) -> None:
    feats, metas, boxes, labels = batch
    head.f_2_convs.load_state_dict(head.f_1_convs.state_dict())
    head.f_2_atss.load_state_dict(head.f_1_atss.state_dict())
    with torch.no_grad():
        for scale in head.f_r_scales:
            scale.scale.fill_(1.5)
    stock = stock_head(head)
    expected = stock.loss(*stock(feats), boxes, labels, metas)
    losses = head.forward_train(feats, metas, LABEL_TERMS, boxes, labels)
    torch.testing.assert_close(losses['loss_cls'], sum(expected['loss_cls']))
    boxes_and_centerness = sum(expected['loss_bbox']) + sum(expected['loss_centerness'])
    torch.testing.assert_close(losses['loss_bbox'], boxes_and_centerness)


def test_unlabeled_terms_train_their_branches(head, batch) -> None:
    feats, metas, _, _ = batch
    with torch.no_grad():
        head.f_1_atss.bias += 3  # so that every image has a pseudo-label
    losses = head.forward_train(feats, metas, UNLABELED_TERMS)
    losses['loss_dis'].backward(retain_graph=True)
    assert head.f_1_atss.weight.grad.norm() > 0 and head.f_mil_atss.weight.grad is None
    losses['loss_mil_pseudo'].backward()
    assert head.f_mil_atss.weight.grad.norm() > 0
    assert head.f_r_atss.weight.grad is None


def test_image_without_boxes(head, batch) -> None:
    feats, metas, _, _ = batch
    none = [torch.zeros(0, 4)] * 2, [torch.zeros(0, dtype=torch.int64)] * 2
    losses = head.forward_train(feats, metas, LABEL_TERMS, *none)
    assert losses['loss_bbox'].item() == 0 and losses['loss_cls'].item() > 0
    sum(losses.values()).backward()


def test_scores_are_weighted_by_centerness(head, batch) -> None:
    feats, metas, _, _ = batch
    head.test_cfg['score_thr'] = 0.0
    with torch.no_grad():
        head.f_r_atss.weight[4:].zero_()
        head.f_r_atss.bias[4:].fill_(-2.0)
    best = max(logits.max() for logits in head.forward_branches(feats, ('f_1',))['f_1'])
    expected = best.sigmoid() * torch.tensor(-2.0).sigmoid()
    found = max(boxes[:, 4].max() for boxes, _ in head.predict(feats, metas))
    torch.testing.assert_close(found, expected)


def test_detections_are_those_of_the_stock_head(head, batch) -> None:
    """The threshold is one of class probabilities, though detections are ranked by them times centerness."""
    feats, metas, _, _ = batch
    with torch.no_grad():
        head.f_1_atss.weight.normal_(std=0.3)
        head.f_1_atss.bias.fill_(-3)
    stock = stock_head(head)
    metas = [dict(meta, scale_factor=np.ones(4, np.float32)) for meta in metas]
    config = ConfigDict(TEST_CFG, nms_pre=10**6, score_thr=0.1, max_per_img=1000)
    head.test_cfg = config
    expected = stock.get_bboxes(*stock(feats), img_metas=metas, cfg=config)
    for (boxes, labels), (stock_boxes, stock_labels) in zip(
        head.predict(feats, metas), expected, strict=True
    ):
        assert (boxes[:, 4] < 0.1).sum() > 5
        torch.testing.assert_close(boxes, stock_boxes)
        assert torch.equal(labels, stock_labels)


def test_instances_have_class_probabilities_without_centerness(head, batch) -> None:
    feats = batch[0]
    with torch.no_grad():
        head.f_1_atss.bias.fill_(3)
        head.f_r_atss.weight[4:].zero_()
        head.f_r_atss.bias[4:].fill_(-2.0)
    found = detected_instances(SimpleNamespace(bbox_head=head), feats)
    best = max(logits.max() for logits in head.forward_branches(feats, ('f_1',))['f_1'])
    torch.testing.assert_close(max(probabilities.max() for probabilities in found), best.sigmoid())


def test_uncertainty_of_equal_classifiers_is_zero(head, batch) -> None:
    feats = batch[0]
    assert (head.uncertainty(feats, 50) > 0).all()
    head.f_2_convs.load_state_dict(head.f_1_convs.state_dict())
    head.f_2_atss.load_state_dict(head.f_1_atss.state_dict())
    assert torch.equal(head.uncertainty(feats, 50), torch.zeros(2))
