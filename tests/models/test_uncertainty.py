import pytest
import torch

from mmdet_miaod.models.uncertainty import (
    image_uncertainty,
    instance_discrepancy,
    instance_uncertainty,
    top_k_mean,
)

P1 = torch.tensor([[[1.0, 0.5], [0.25, 0.0]]])
P2 = torch.tensor([[[0.0, 0.0], [0.75, 0.0]]])


def test_discrepancy_is_absolute_and_uncertainty_squared() -> None:
    assert instance_discrepancy(P1, P2).tolist() == [[[1.0, 0.5], [0.5, 0.0]]]
    assert instance_uncertainty(P1, P2).tolist() == [[0.625, 0.125]]
    assert torch.equal(instance_uncertainty(P2, P1), instance_uncertainty(P1, P2))


@pytest.mark.parametrize(
    ('k', 'expected'), [(1, [4.0, 8.0]), (2, [3.5, 8.0]), (4, [2.5, 5.0]), (10000, [2.5, 5.0])]
)
def test_top_k_mean(k, expected) -> None:
    values = torch.tensor([[1.0, 4.0, 2.0, 3.0], [8.0, 2.0, 8.0, 2.0]])
    assert top_k_mean(values, k).tolist() == expected


@pytest.mark.parametrize('k', [3, 100, 5000])
def test_rows_do_not_influence_each_other(k) -> None:
    values = torch.rand(4, 3000)
    alone = torch.cat([top_k_mean(row[None], k) for row in values])
    assert torch.equal(top_k_mean(values, k), alone)


def test_scores_are_float32() -> None:
    assert image_uncertainty(torch.rand(2, 5).bfloat16(), 3).dtype == torch.float32


@pytest.mark.parametrize('k', [0, -1])
def test_k_must_be_positive(k) -> None:
    with pytest.raises(ValueError, match='at least 1'):
        top_k_mean(torch.rand(1, 2), k)


@pytest.mark.parametrize('shape', [(2, 0), (3,)])
def test_instances_are_needed(shape) -> None:
    with pytest.raises(ValueError, match=r'\(B, N\)'):
        top_k_mean(torch.rand(shape), 1)
