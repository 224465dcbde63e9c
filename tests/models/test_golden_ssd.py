"""The SSD head against numbers of the published implementation (tests/golden/ssd_c5.npz)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.models.golden_cases import (
    BATCHES,
    GRADIENT_TOLERANCE,
    LOSS_TOLERANCE,
    GoldenSSD,
    gradient_norm,
)


@pytest.fixture
def case(device) -> GoldenSSD:
    return GoldenSSD(device)


def fingerprint(values: np.ndarray, level: int) -> list[float]:
    flat = values.astype(np.float64).ravel()
    return [np.linalg.norm(flat), flat @ np.random.RandomState(level).standard_normal(flat.size)]


def test_outputs_and_instance_weights(case) -> None:
    maps = case.head.forward_branches(case.feats, ('f_1', 'f_2', 'f_r', 'f_mil'))
    weights = case.head._outputs(maps).mil_weights
    for level in range(6):
        outputs = dict(cls1=maps['f_1'][level], cls2=maps['f_2'][level], reg=maps['f_r'][level])
        for key, output in dict(outputs, mil=weights[level]).items():
            expected = case.golden[f'out_{key}{level}']
            found = fingerprint(output.detach().cpu().numpy(), level)
            # The projection is a sum of both signs: its rounding error is that of the norm.
            assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * expected[0], err_msg=f'{key}{level}')


@pytest.mark.parametrize('batch', BATCHES)
def test_losses_and_gradients(case, batch) -> None:
    losses = case.losses(batch)
    for name, golden_name in BATCHES[batch].items():
        expected = case.golden[f'{batch}_{golden_name}']
        assert_allclose(losses[name].item(), expected, **LOSS_TOLERANCE, err_msg=name)
    sum(losses.values()).backward()
    for name, parameter in case.head.named_parameters():
        if not batch.startswith('max_') or name.startswith(('f_1_', 'f_2_')):
            expected = case.golden[f'{batch}_grad_{name}']
            assert_allclose(gradient_norm(parameter), expected, **GRADIENT_TOLERANCE, err_msg=name)
    if batch != 'max_labeled':  # the published total counts the box term there, which trains nothing
        assert_allclose(sum(losses.values()).item(), case.golden[f'{batch}_total'], **LOSS_TOLERANCE)
        norms = [gradient_norm(level) for level in case.feats]
        assert_allclose(norms, case.golden[f'{batch}_featgrad'], **GRADIENT_TOLERANCE)


@pytest.mark.parametrize('k', [500, 10000])
def test_uncertainty(case, k) -> None:
    found = case.head.uncertainty(case.feats, k).cpu().numpy()
    assert_allclose(found, case.golden[f'uncertainty_k{k}'], rtol=1e-5)


def test_detections_are_at_most_200_foreground_boxes(case) -> None:
    for boxes, labels in case.head.predict(case.feats, case.metas):
        assert boxes.shape == (200, 5) and labels.max() < 5
        assert boxes[:, 4].min() > 0.02
