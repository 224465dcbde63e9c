"""Quality of classes against plain loops over anchors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmdet_miaod.active.class_quality import anchor_quality, fill_unknown, mean_quality, running_quality
from tests.active.query.tiny import FeatureModel
from tests.models.tiny import atss_head, image_metas, random_boxes, random_features, tiny_head

SIZE = (96, 128)


def overlap(a, b) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def slow_quality(head, feats, metas, boxes, labels) -> np.ndarray:
    """By the targets of training: each positive anchor's own object is the one that its target decodes to."""
    maps = head.forward_branches(feats, ('f_1', 'f_r'))
    sizes = [tuple(level.shape[-2:]) for level in maps['f_1']]
    targets = head.label_anchors(sizes, metas, boxes, labels)
    found = np.zeros((len(metas), 2, head.num_classes))
    for level, logits in enumerate(maps['f_1']):
        scores = logits.permute(0, 2, 3, 1).reshape(len(metas), -1, head.num_classes).sigmoid()
        deltas = head.deltas_and_quality(maps['f_r'][level])[0]
        for image in range(len(metas)):
            for row, label in enumerate(targets.labels[level][image].tolist()):
                if label < head.num_classes:
                    anchor = targets.anchors[level][image, row]
                    box = head.bbox_coder.decode(anchor[None], deltas[image, row][None])[0]
                    target = head.target_boxes(targets)[level][image, row]
                    known = min(boxes[image], key=lambda box: float((target - box).abs().sum()))
                    share = overlap(box.tolist(), known.tolist())
                    found[image, 0, label] += scores[image, row, label].item() ** 0.6 * share**0.4
                    found[image, 1, label] += 1
    return found


def annotations(boxes, labels, scale=1.0) -> list[dict]:
    return [
        dict(bboxes=(b / scale).numpy(), labels=c.numpy(), bboxes_ignore=np.zeros((0, 4), np.float32))
        for b, c in zip(boxes, labels)
    ]


@pytest.mark.parametrize('make_head', [tiny_head, atss_head])
def test_quality_is_that_of_plain_loops_over_the_anchors_of_training(make_head) -> None:
    torch.manual_seed(0)
    head, feats, metas = make_head(), random_features(0, 3, *SIZE), image_metas([SIZE] * 3)
    boxes, labels = random_boxes(1, (2, 3, 0), *SIZE, 3)
    with torch.no_grad():
        expected = slow_quality(head, feats, metas, boxes, labels)
        found = anchor_quality(FeatureModel(head), feats, metas, annotations(boxes, labels))
    assert expected[:2, 1].sum() > 4 and not expected[2].any()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_boxes_are_those_of_the_file_resized_like_the_image() -> None:
    torch.manual_seed(0)
    head, feats, metas = tiny_head(), random_features(0, 1, *SIZE), image_metas([SIZE])
    boxes, labels = random_boxes(2, (2,), *SIZE, 3)
    plain = anchor_quality(FeatureModel(head), feats, metas, annotations(boxes, labels))
    scaled = [dict(metas[0], scale_factor=np.full(4, 2.5, dtype=np.float32))]
    found = anchor_quality(FeatureModel(head), feats, scaled, annotations(boxes, labels, 2.5))
    torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-5)


def test_the_mean_is_over_anchors_and_a_class_without_boxes_gets_that_of_the_others() -> None:
    found = np.zeros((2, 2, 3))
    found[0, :, 0], found[1, :, 0] = (0.9, 1), (0.3, 3)
    found[1, :, 1] = (0.5, 1)
    quality = mean_quality(found)
    np.testing.assert_allclose(quality, [0.3, 0.5, np.nan])
    np.testing.assert_allclose(fill_unknown(quality), [0.3, 0.5, 0.4])
    assert fill_unknown(np.full(2, np.nan)).tolist() == [0, 0]


def test_as_published_a_class_decays_where_it_is_absent() -> None:
    found = np.zeros((3, 2, 2))
    found[0, :, 0] = found[2, :, 0] = (0.8, 1)
    found[:, :, 1] = (0.8, 1)
    always = 0.8 * (1 - 0.99**3)
    first = 0.01 * 0.8
    # Absent once: multiplied by the momentum, which is 0.99^2 for the next image.
    expected = 0.99**2 * (0.99 * first) + (1 - 0.99**2) * 0.8
    np.testing.assert_allclose(running_quality(found), [expected, always])
    np.testing.assert_allclose(mean_quality(found), [0.8, 0.8])
