import math

import pytest
import torch

from mmdet_miaod.models.losses import mil as mil_module
from mmdet_miaod.models.losses.mil import MILLoss, image_labels, image_score, mil_weight, pseudo_labels


def test_weights_of_a_level_sum_to_one() -> None:
    torch.manual_seed(0)
    mil, z1, z2 = (torch.randn(2, 7, 3) for _ in range(3))
    torch.testing.assert_close(mil_weight(mil, z1, z2).sum(dim=(1, 2)), torch.ones(2))


def test_weight_by_hand() -> None:
    mil = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]]])
    z1 = torch.tensor([[[0.0, -50.0], [2.0, 0.0]]])
    z2 = torch.tensor([[[0.0, -50.0], [-2.0, 0.0]]])  # mean logits have the same maximum, 0, at both anchors
    torch.testing.assert_close(mil_weight(mil, z1, z2), torch.tensor([[[0.25, 0.25], [0.375, 0.125]]]))
    torch.testing.assert_close(
        mil_weight(mil, z1, z2, 'sigmoid'), torch.tensor([[[0.25, 0.25], [0.375, 0.25]]])
    )


def test_only_the_mil_branch_learns_from_weights() -> None:
    mil, z1, z2 = (torch.randn(1, 4, 3, requires_grad=True) for _ in range(3))
    mil_weight(mil, z1, z2).square().sum().backward()
    assert mil.grad.abs().sum() > 0
    assert z1.grad is None
    assert z2.grad is None


def test_score_is_the_largest_level_sum_within_margins() -> None:
    levels = [torch.tensor([[[0.25, 0.0], [0.5, 0.0]]]), torch.tensor([[[0.5, 0.0]]])]
    torch.testing.assert_close(image_score(levels), torch.tensor([[0.75, 1e-5]]))
    torch.testing.assert_close(image_score([torch.full((1, 1, 1), 1.0)]), torch.tensor([[1 - 1e-5]]))


def test_image_labels_count_each_class_once() -> None:
    labels = image_labels([torch.tensor([2, 0, 2]), torch.tensor([], dtype=torch.int64)], 4)
    assert labels.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_pseudo_labels_take_the_threshold_itself() -> None:
    p1 = [torch.tensor([[[0.6, 0.2]], [[0.3, 0.3]]]), torch.tensor([[[0.1, 0.1]], [[0.1, 0.9]]])]
    p2 = [torch.tensor([[[0.4, 0.2]], [[0.3, 0.3]]]), torch.tensor([[[0.1, 0.1]], [[0.1, 0.0]]])]
    p1[0][0, 0, 0], p2[0][0, 0, 0] = 0.75, 0.25
    assert pseudo_labels(p1, p2).tolist() == [[1, 0], [0, 0]]


def test_cross_entropy_is_the_mean_over_images_and_classes() -> None:
    scores, labels = torch.rand(3, 4) * 0.9 + 0.05, (torch.rand(3, 4) > 0.5).float()
    expected = torch.nn.functional.binary_cross_entropy(scores, labels)
    torch.testing.assert_close(MILLoss()(scores, labels), expected)
    torch.testing.assert_close(MILLoss(loss_weight=3.0)(scores, labels), 3 * expected)


@pytest.mark.parametrize('on_gpu', [False, True])
@pytest.mark.parametrize(('labels', 'counts'), [([[1, 0], [0, 1]], True), ([[1, 1], [0, 0]], False)])
def test_pseudo_loss_needs_a_class_in_every_image(monkeypatch, labels, counts, on_gpu) -> None:
    monkeypatch.setattr(mil_module, 'reads_without_waiting', lambda values: not on_gpu)
    scores = torch.tensor([[0.3, 0.2], [0.1, 0.6]], requires_grad=True)
    labels = torch.tensor(labels, dtype=torch.float32)
    loss = MILLoss().pseudo(scores, labels)
    assert loss.item() == (MILLoss()(scores, labels).item() if counts else 0)
    assert loss.requires_grad == (counts or on_gpu)
    if loss.requires_grad:
        loss.backward()
        assert bool(scores.grad.abs().sum() > 0) == counts


def test_a_broken_score_is_reported_as_nan() -> None:
    assert torch.isnan(MILLoss()(torch.tensor([[float('nan')]]), torch.ones(1, 1)))
