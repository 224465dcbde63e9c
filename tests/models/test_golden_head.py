"""The head against numbers of the published implementation (tests/golden/head_*.npz)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.golden_data import golden_names
from tests.models.golden_cases import (
    BATCHES,
    GRADIENT_TOLERANCE,
    LOSS_TOLERANCE,
    GoldenHead,
    gradient_norm,
)


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
