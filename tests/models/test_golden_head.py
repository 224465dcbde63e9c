"""The head against numbers of the published implementation (tests/golden/head_*.npz)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from tests.golden_data import golden_names, load_golden
from tests.models.tiny import image_metas, tiny_head

LOSS_TOLERANCE = dict(rtol=1e-5, atol=1e-9)
GRADIENT_TOLERANCE = dict(rtol=1e-4, atol=1e-9)
LABEL_TERMS = dict(loss_cls='l_det_cls', loss_bbox='l_det_loc', loss_mil='l_imgcls')
BATCHES = {
    'label_labeled': LABEL_TERMS,
    'min_labeled': LABEL_TERMS,
    'min_unlabeled': dict(loss_dis='l_wave_dis', loss_mil_pseudo='l_imgcls'),
    'max_labeled': dict(loss_cls='l_det_cls'),
    'max_unlabeled': dict(loss_dis_max='l_wave_dis_minus'),
}


class GoldenHead:
    """A golden file as a head and a batch."""

    def __init__(self, name: str, device: torch.device, nms_pre: int = 1000) -> None:
        self.golden = golden = load_golden(name)
        meta = golden['meta']
        activation = 'softmax' if meta['C'] == 1 else None
        test_cfg = dict(
            nms_pre=nms_pre, score_thr=0.1, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100
        )
        self.head = tiny_head(
            meta['C'], meta['channels'], meta['stacked_convs'], test_cfg, mil_activation=activation
        )
        weights = {key[2:]: torch.from_numpy(value) for key, value in golden.items() if key.startswith('w_')}
        self.head.load_state_dict(weights, strict=True)
        self.head.to(device)
        self.feats = [
            torch.from_numpy(golden[f'feat{level}']).to(device).requires_grad_() for level in range(5)
        ]
        self.metas = image_metas(golden['img_shape'], golden['pad_shape'])
        images = range(len(self.metas))
        self.boxes = [torch.from_numpy(golden[f'gt_bboxes{i}']).to(device) for i in images]
        self.labels = [torch.from_numpy(golden[f'gt_labels{i}']).to(device) for i in images]

    def losses(self, batch: str) -> dict:
        labeled = (self.boxes, self.labels) if batch.endswith('_labeled') else ()
        return self.head.forward_train(self.feats, self.metas, tuple(BATCHES[batch]), *labeled)


def gradient_norm(tensor: torch.Tensor) -> float:
    return 0.0 if tensor.grad is None else float(tensor.grad.double().norm())


@pytest.fixture(params=golden_names('head_'))
def case(request, device) -> GoldenHead:
    return GoldenHead(request.param, device)


def test_outputs_and_instance_weights(case) -> None:
    maps = case.head.forward_branches(case.feats, ('f_1', 'f_2', 'f_r', 'f_mil'))
    weights = case.head._outputs(maps).mil_weights
    for level in range(5):
        for key, branch in (('cls1', 'f_1'), ('cls2', 'f_2'), ('reg', 'f_r')):
            expected = case.golden[f'out_{key}{level}']
            assert_allclose(maps[branch][level].detach().cpu().numpy(), expected, rtol=1e-5, atol=1e-5)
        assert_allclose(
            weights[level].detach().cpu().numpy(), case.golden[f'out_mil{level}'], rtol=1e-5, atol=1e-9
        )


@pytest.mark.parametrize('batch', BATCHES)
def test_losses(case, batch) -> None:
    losses = case.losses(batch)
    assert list(losses) == list(BATCHES[batch])
    for name, golden_name in BATCHES[batch].items():
        assert_allclose(
            losses[name].item(), case.golden[f'{batch}_{golden_name}'], **LOSS_TOLERANCE, err_msg=name
        )
    if batch != 'max_labeled':  # the published total counts the box term there, which trains nothing
        assert_allclose(sum(losses.values()).item(), case.golden[f'{batch}_total'], **LOSS_TOLERANCE)


@pytest.mark.parametrize('batch', BATCHES)
def test_gradients(case, batch) -> None:
    sum(case.losses(batch).values()).backward()
    for name, parameter in case.head.named_parameters():
        if not batch.startswith('max_') or name.startswith(('f_1_', 'f_2_')):
            expected = case.golden[f'{batch}_grad_{name}']
            assert_allclose(gradient_norm(parameter), expected, **GRADIENT_TOLERANCE, err_msg=name)
    if batch != 'max_labeled':
        norms = [gradient_norm(level) for level in case.feats]
        assert_allclose(norms, case.golden[f'{batch}_featgrad'], **GRADIENT_TOLERANCE)


@pytest.mark.parametrize('k', [50, 500, 10000])
def test_uncertainty(case, k) -> None:
    found = case.head.uncertainty(case.feats, k).cpu().numpy()
    assert_allclose(found, case.golden[f'uncertainty_k{k}'], rtol=1e-5)


@pytest.mark.parametrize('nms_pre', [1000, 200])
@pytest.mark.parametrize('name', golden_names('head_'))
def test_detections(name, nms_pre, device) -> None:
    case = GoldenHead(name, device, nms_pre)
    for image, (boxes, labels) in enumerate(case.head.predict(case.feats, case.metas)):
        expected_labels = case.golden[f'det{nms_pre}_labels{image}']
        expected_boxes = case.golden[f'det{nms_pre}_bboxes{image}']
        assert_same_set(boxes.cpu().numpy(), labels.cpu().numpy(), expected_boxes, expected_labels)


def assert_same_set(boxes, labels, expected_boxes, expected_labels, tolerance: float = 1e-4) -> None:
    """Each expected detection has its own counterpart: the same class, five numbers within the tolerance."""
    assert len(boxes) == len(expected_boxes)
    free = list(range(len(boxes)))
    for box, label in zip(expected_boxes, expected_labels, strict=True):
        close = [
            i
            for i in free
            if labels[i] == label and np.all(np.abs(boxes[i] - box) <= tolerance * np.maximum(1, np.abs(box)))
        ]
        assert close, f'no detection of class {label} at {box}'
        free.remove(close[0])
