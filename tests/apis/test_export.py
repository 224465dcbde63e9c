"""The detector as ONNX: what it says of itself, and detections that are PyTorch's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mmdet_miaod.apis import init_detector
from mmdet_miaod.apis.export import DenseDetector, _matched, metadata
from mmdet_miaod.models.dense_heads.detections import class_wise_nms
from mmdet_miaod.models.dense_heads.miaod_atss_head import MIAODATSSHead
from tests.tiny_run import write_tiny_model


@pytest.fixture
def detector(tiny_data, tmp_path):
    return init_detector(*write_tiny_model(tmp_path, tiny_data))


def test_the_metadata_say_how_an_image_is_prepared_and_what_counts(detector) -> None:
    assert metadata(detector) == dict(
        classes=['disc', 'square', 'triangle'],
        img_scale=[64, 48],
        keep_ratio=True,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
        size_divisor=32,
        score_thr=1e-4,
        iou_threshold=0.5,
        max_per_img=5,
    )
    detector.cfg.data.pool.score_pipeline[1]['img_scale'] = [(64, 48), (32, 24)]
    with pytest.raises(ValueError, match='one img_scale'):
        metadata(detector)


@pytest.mark.parametrize('nms_pre', [50, -1])
@pytest.mark.parametrize('size', [(64, 96), (160, 128)])
@torch.inference_mode()
def test_boxes_and_scores_become_the_detections_of_the_detector(detector, nms_pre, size) -> None:
    head = detector.bbox_head
    head.test_cfg.nms_pre = nms_pre
    img = torch.randn(1, 3, *size, generator=torch.manual_seed(0))
    [(wanted, wanted_labels)] = head.predict(detector.extract_feat(img), [dict(img_shape=(*size, 3))])
    boxes, scores = DenseDetector(detector)(img)
    boxes = boxes.clamp(min=0).minimum(torch.tensor([size[1], size[0]] * 2))
    found, labels = class_wise_nms(boxes, scores, scores, head.detection_limits())
    assert len(found) == 5 and torch.equal(found, wanted) and torch.equal(labels, wanted_labels)


def test_a_head_that_ranks_by_quality_too_is_refused() -> None:
    detector = SimpleNamespace(bbox_head=MIAODATSSHead.__new__(MIAODATSSHead))
    with pytest.raises(ValueError, match='MIAODATSSHead also ranks boxes by their quality'):
        DenseDetector(detector)


def test_detections_are_matched_by_class_and_place_not_by_order() -> None:
    wanted = torch.tensor([[0.0, 0, 8, 8, 0.5], [9, 9, 20, 20, 0.5], [1, 1, 2, 2, 0.1]])
    found = torch.tensor([[9.0, 9, 20, 21, 0.5], [0, 0, 8, 8, 0.75], [1, 1, 2, 2, 0.1]])
    pairs, alone = _matched((wanted, torch.tensor([0, 1, 2])), (found, torch.tensor([1, 0, 0])))
    assert pairs.tolist() == [[0, 0, 0, 0, 0.25], [0, 0, 0, 1, 0]]
    assert alone == 2
    assert _matched((wanted, torch.zeros(3)), (found[:0], torch.zeros(0)))[1] == 3
