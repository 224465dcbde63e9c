import math

import pytest
import torch

from mmdet_miaod.models.losses import SigmoidFocalLoss


def test_values_by_hand() -> None:
    pred = torch.zeros(3, 2)  # p = 0.5
    foreground, background = 0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2)
    loss = SigmoidFocalLoss(reduction='none')(pred, torch.tensor([0, 1, 2]))
    expected = torch.tensor([[foreground, background], [background, foreground], [background, background]])
    torch.testing.assert_close(loss, expected)


def test_weights_average_factor_and_loss_weight() -> None:
    pred, target = torch.randn(4, 3), torch.tensor([0, 3, 2, 1])
    weight = torch.tensor([1.0, 0.0, 2.0, 1.0])
    elements = SigmoidFocalLoss(reduction='none')(pred, target)
    loss = SigmoidFocalLoss(loss_weight=2.0)
    expected = 2 * (elements * weight[:, None]).sum() / 5
    torch.testing.assert_close(loss(pred, target, weight, avg_factor=5), expected)
    torch.testing.assert_close(loss(pred, target, weight, avg_factor=torch.tensor(5.0)), expected)
    torch.testing.assert_close(loss(pred, target, weight, reduction_override='sum'), expected * 5)


@pytest.mark.parametrize('logit', [-12.0, -8.0, 10.0])
def test_digits_of_extreme_probabilities(logit) -> None:
    pred = torch.tensor([[logit]], dtype=torch.float32)
    for target in (0, 1):
        loss = SigmoidFocalLoss(reduction='none')(pred, torch.tensor([target]))
        exact = SigmoidFocalLoss(reduction='none')(pred.double(), torch.tensor([target]))
        torch.testing.assert_close(loss.double(), exact, rtol=1e-5, atol=0)


def test_only_background_has_a_finite_gradient() -> None:
    pred = torch.tensor([[-200.0, 0.0, 200.0]], requires_grad=True)
    SigmoidFocalLoss()(pred, torch.tensor([3])).backward()
    assert torch.isfinite(pred.grad).all()


def test_softmax_is_refused() -> None:
    with pytest.raises(ValueError, match='use_sigmoid=True'):
        SigmoidFocalLoss(use_sigmoid=False)
