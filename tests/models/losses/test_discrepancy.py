import torch

from mmdet_miaod.models.losses import DiscrepancyLoss

P1 = [torch.tensor([[[1.0, 0.5]]]), torch.tensor([[[0.25, 0.25], [0.0, 1.0]]])]
P2 = [torch.tensor([[[0.5, 0.5]]]), torch.tensor([[[0.75, 0.25], [0.0, 0.0]]])]
W = [torch.tensor([[[0.5, 0.5]]]), torch.tensor([[[0.25, 0.25], [0.5, 0.0]]])]


def test_values_by_hand() -> None:
    # Level 1: 0.5 * 0.5 / 2; level 2: 0.25 * 0.5 / 2 (the last discrepancy has weight 0).
    assert DiscrepancyLoss(1.0)(P1, P2, W).item() == 0.125 + 0.0625
    assert DiscrepancyLoss(1.0).maximized(P1, P2, W).item() == (0.25 + 0.5) / 2 + (0.125 + 0.25 + 0.5) / 2
    assert DiscrepancyLoss()(P1, P2, W).item() == 0.09375


def test_both_losses_add_up_to_the_weights_and_pull_in_opposite_directions() -> None:
    p1 = [p.clone().requires_grad_() for p in P1]
    loss = DiscrepancyLoss(1.0)
    both = [loss(p1, P2, W), loss.maximized(p1, P2, W)]
    assert sum(both).item() == sum(w.mean(-1).sum().item() for w in W)
    down, up = (torch.autograd.grad(loss, p1[0], retain_graph=True)[0] for loss in both)
    assert down.abs().sum() > 0
    assert torch.equal(down, -up)


def test_no_gradient_reaches_the_weights() -> None:
    weights = [w.clone().requires_grad_() for w in W]
    p1 = [p.clone().requires_grad_() for p in P1]
    DiscrepancyLoss()(p1, P2, weights).backward()
    assert all(w.grad is None for w in weights)
