"""What a trained head tells of images without labels: uncertainty, instances, detections."""

from __future__ import annotations

import pytest
import torch

from tests.models.tiny import TEST_CFG, tiny_head


def test_uncertainty_uses_the_classifiers_alone(case, spy) -> None:
    head, feats, _metas, *_ = case
    calls = spy(head, 'forward_branch')
    batched = head.uncertainty(feats, 50)
    assert [branch for _, branch in calls] == ['f_1', 'f_2']
    single = torch.cat([head.uncertainty([level[i : i + 1] for level in feats], 50) for i in range(2)])
    torch.testing.assert_close(batched, single, rtol=1e-5, atol=0)


def test_predict_uses_classifier_1_and_boxes_alone_and_rescales(case, spy) -> None:
    head, feats, metas, *_ = case
    calls = spy(head, 'forward_branch')
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


def test_instance_maps(case) -> None:
    head, feats, *_ = case
    maps = head.instance_maps(feats)
    for level, feat in enumerate(feats):
        anchors = 9 * feat.shape[2] * feat.shape[3]
        assert maps['discrepancy'][level].shape == maps['weight'][level].shape == (2, anchors, 3)
    torch.testing.assert_close(maps['weight'][0].sum(dim=(1, 2)), torch.ones(2))
